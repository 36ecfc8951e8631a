"""One file an area: fetch by permission, call one selector or action, show what came of it."""
