"""The one implementation of ClusterGateway; the only importer of the Kubernetes client library."""
