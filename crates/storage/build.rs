//! A new migration file must rebuild the crate: `sqlx::migrate!` only notices changes of files that it knows.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
