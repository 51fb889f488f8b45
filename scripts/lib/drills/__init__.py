"""Drills: a fault for every alert, made in a process, a file or the network of a real mesh. `scripts/drill` runs them."""
