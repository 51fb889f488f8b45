//! The one executable: `devmesh up` runs the mesh, everything else is the command line.

use std::process::ExitCode;

use devmesh::arguments::Arguments;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    devmesh::run(Arguments::read())
}
