//! devmesh
