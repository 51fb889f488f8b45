"""Whether every query that is shipped or printed in the guides answers, over a real mesh with traffic and incidents in it."""
