"""Checks on PeerAuthentication and AuthorizationPolicy: do they protect what they say they protect."""
