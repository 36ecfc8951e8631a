"""What of Envoy's configuration leaves alone where a connection goes and whether it arrives.

Lists of names: a field or a filter that is not here counts as one that may change it.
"""

from __future__ import annotations

from collections.abc import Mapping

PASSIVE_FILTERS = frozenset(
    {
        "envoy.filters.http.alpn",
        "envoy.filters.http.compressor",
        "envoy.filters.http.cors",
        "envoy.filters.http.decompressor",
        "envoy.filters.http.grpc_stats",
        "envoy.filters.http.grpc_web",
        "envoy.filters.http.header_to_metadata",
        "envoy.filters.http.set_metadata",
        "envoy.filters.http.tap",
        "envoy.filters.network.metadata_exchange",
        "istio.alpn",
        "istio.metadata_exchange",
        "istio.stats",
    }
)
"""Filters that watch, or change what a message says and not where it goes."""

LIMITING_FILTERS = frozenset(
    {
        "envoy.filters.http.adaptive_concurrency",
        "envoy.filters.http.admission_control",
        "envoy.filters.http.bandwidth_limit",
        "envoy.filters.http.buffer",
        "envoy.filters.http.fault",
        "envoy.filters.http.local_ratelimit",
        "envoy.filters.http.ratelimit",
        "envoy.filters.network.connection_limit",
        "envoy.filters.network.local_ratelimit",
        "envoy.filters.network.ratelimit",
    }
)
"""Filters that refuse some of what passes them, and never all of it for what it is."""

_HEADERS = frozenset(
    {
        "request_headers_to_add",
        "request_headers_to_remove",
        "response_headers_to_add",
        "response_headers_to_remove",
    }
)

FIELDS: Mapping[str, frozenset[str]] = {
    "LISTENER": frozenset(
        {
            "access_log",
            "connection_balance_config",
            "enable_reuse_port",
            "metadata",
            "per_connection_buffer_limit_bytes",
            "socket_options",
            "stat_prefix",
            "tcp_backlog_size",
            "tcp_fast_open_queue_length",
        }
    ),
    "FILTER_CHAIN": frozenset({"metadata"}),
    "NETWORK_FILTER": frozenset(
        {
            "name",
            "typed_config.@type",
            "typed_config.access_log",
            "typed_config.access_log_options",
            "typed_config.add_user_agent",
            "typed_config.always_set_request_id_in_response",
            "typed_config.common_http_protocol_options",
            "typed_config.delayed_close_timeout",
            "typed_config.drain_timeout",
            "typed_config.forward_client_cert_details",
            "typed_config.generate_request_id",
            "typed_config.http2_protocol_options",
            "typed_config.idle_timeout",
            "typed_config.max_connect_attempts",
            "typed_config.max_request_headers_kb",
            "typed_config.merge_slashes",
            "typed_config.normalize_path",
            "typed_config.preserve_external_request_id",
            "typed_config.request_id_extension",
            "typed_config.request_timeout",
            "typed_config.server_header_transformation",
            "typed_config.server_name",
            "typed_config.set_current_client_cert_details",
            "typed_config.skip_xff_append",
            "typed_config.stat_prefix",
            "typed_config.stream_idle_timeout",
            "typed_config.tracing",
            "typed_config.use_remote_address",
            "typed_config.via",
            "typed_config.xff_num_trusted_hops",
        }
    ),
    "ROUTE_CONFIGURATION": _HEADERS | {"max_direct_response_body_size_bytes", "name"},
    "VIRTUAL_HOST": _HEADERS
    | {
        "hedge_policy",
        "include_attempt_count_in_response",
        "include_request_attempt_count",
        "name",
        "per_request_buffer_limit_bytes",
        "retry_policy",
    },
    "HTTP_ROUTE": _HEADERS
    | {
        "decorator",
        "metadata",
        "name",
        "per_request_buffer_limit_bytes",
        "route.hash_policy",
        "route.hedge_policy",
        "route.idle_timeout",
        "route.max_stream_duration",
        "route.retry_policy",
        "route.timeout",
        "stat_prefix",
        "tracing",
    },
    "CLUSTER": frozenset(
        {
            "alt_stat_name",
            "common_lb_config",
            "connect_timeout",
            "dns_refresh_rate",
            "filters.istio.metadata_exchange",
            "ignore_health_on_host_removal",
            "least_request_lb_config",
            "max_requests_per_connection",
            "metadata",
            "outlier_detection",
            "per_connection_buffer_limit_bytes",
            "preconnect_policy",
            "respect_dns_ttl",
            "ring_hash_lb_config",
            "slow_start_config",
            "track_cluster_stats",
            "upstream_connection_options",
        }
    ),
    "BOOTSTRAP": frozenset(
        {"admin", "overload_manager", "stats_config", "stats_flush_interval", "stats_sinks", "tracing"}
    ),
}
"""By what a patch applies to: the fields of a merged value."""
