"""The one list of rules, ordered by code. A code is never used again for another meaning.

Codes MC001 to MC009 are what an analysis says of itself: see `analyse`.
"""

from __future__ import annotations

from apps.mesh.rules.base import Rule
from apps.mesh.rules.egress import (
    catch_all_misplaced,
    exclusion_changes_meaning,
    import_brings_nothing,
    import_said_twice,
    import_unreadable,
    own_services_cut_off,
    policy_without_mode,
    root_sidecar_with_selector,
    sidecar_in_ambient,
)
from apps.mesh.rules.generic import (
    export_list_contradicts_itself,
    exported_to_missing_namespace,
    selector_takes_nothing,
    selectors_overlap,
    several_without_selector,
)
from apps.mesh.rules.injection import proxy_missing, proxy_of_another_revision
from apps.mesh.rules.speedscale import (
    annotated_not_injected,
    conflicting_captures,
    ebpf_without_collector,
    istio_cni_not_declared,
    namespace_annotated_for_both,
    operator_missing,
    orphaned_sidecar,
    pods_not_rolled,
    required_host_blocked,
    service_entry_looks_right,
    service_entry_not_exported,
    sidecar_lacks_service_entry,
    sidecar_lacks_speedscale,
)
from apps.mesh.rules.traffic import (
    claims_without_authentication,
    client_tls_refused,
    delegate_not_used,
    destination_host_unknown,
    destination_port_wrong,
    destination_repeated,
    gateway_named_in_old_form,
    gateway_port_not_on_service,
    gateway_selects_nothing,
    gateway_server_invalid,
    gateway_servers_conflict,
    gateway_unknown,
    host_not_in_gateway,
    hosts_claimed_twice,
    mutual_tls_overridden,
    not_exported_to_gateway,
    port_protocol_not_said,
    port_protocols_differ,
    route_unreachable,
    rule_host_unknown,
    rules_of_host_ignored,
    server_not_verified,
    settings_for_missing_port,
    subset_not_at_gateway,
    subset_selects_nothing,
    subset_unknown,
    subset_without_labels,
    target_port_unnamed,
    virtual_service_host_unknown,
    weights_mislead,
)

RULES: tuple[Rule, ...] = tuple(
    module.RULE
    for module in (
        proxy_missing,
        proxy_of_another_revision,
        # traffic
        destination_host_unknown,
        gateway_unknown,
        gateway_named_in_old_form,
        weights_mislead,
        destination_repeated,
        hosts_claimed_twice,
        subset_unknown,
        virtual_service_host_unknown,
        destination_port_wrong,
        route_unreachable,
        host_not_in_gateway,
        gateway_servers_conflict,
        gateway_selects_nothing,
        gateway_server_invalid,
        gateway_port_not_on_service,
        rules_of_host_ignored,
        rule_host_unknown,
        subset_selects_nothing,
        subset_without_labels,
        settings_for_missing_port,
        client_tls_refused,
        mutual_tls_overridden,
        server_not_verified,
        port_protocol_not_said,
        port_protocols_differ,
        target_port_unnamed,
        delegate_not_used,
        subset_not_at_gateway,
        claims_without_authentication,
        not_exported_to_gateway,
        # generic
        several_without_selector,
        selectors_overlap,
        selector_takes_nothing,
        exported_to_missing_namespace,
        export_list_contradicts_itself,
        # egress: Sidecar
        import_brings_nothing,
        import_unreadable,
        catch_all_misplaced,
        import_said_twice,
        exclusion_changes_meaning,
        root_sidecar_with_selector,
        policy_without_mode,
        own_services_cut_off,
        sidecar_in_ambient,
        # speedscale
        required_host_blocked,
        service_entry_not_exported,
        sidecar_lacks_speedscale,
        sidecar_lacks_service_entry,
        service_entry_looks_right,
        istio_cni_not_declared,
        conflicting_captures,
        annotated_not_injected,
        pods_not_rolled,
        orphaned_sidecar,
        ebpf_without_collector,
        operator_missing,
        namespace_annotated_for_both,
    )
)


def rule(code: str) -> Rule | None:
    """The rule of a code."""
    return next((found for found in RULES if found.code == code), None)
