"""The queries that the five monitoring guides print."""
