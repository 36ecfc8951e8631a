"""Raw manifests become objects here, one function a kind; what is wrong becomes a value, not an exception."""
