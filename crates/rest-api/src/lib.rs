//! rest-api
