"""Changes as files (manifests, kustomize, a kubectl script), and as commits in Git repositories."""
