"""Every path of the REST API, below /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path
from drf_spectacular.views import SpectacularAPIView

from apps.api.errors import not_found
from apps.api.views import (
    admin,
    audit,
    change_verbs,
    changes,
    clusters,
    findings,
    mesh,
    notifications,
    suppressions,
)

app_name = "api"
urlpatterns: list[URLPattern] = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("me/", admin.Me.as_view(), name="me"),
    path("me/notifications/", notifications.MyNotifications.as_view(), name="me-notifications"),
    path("webhooks/", notifications.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<int:pk>/", notifications.WebhookOne.as_view(), name="webhook"),
    path("webhooks/<int:pk>/test/", notifications.WebhookTest.as_view(), name="webhook-test"),
    path("deliveries/", notifications.Deliveries.as_view(), name="deliveries"),
    path(
        "deliveries/<uuid:delivery>/redeliver/",
        notifications.Redeliver.as_view(),
        name="delivery-redeliver",
    ),
    path("tokens/", admin.Tokens.as_view(), name="tokens"),
    path("tokens/<str:prefix>/", admin.TokenOne.as_view(), name="token"),
    path("audit/", audit.Audit.as_view(), name="audit"),
    path("audit/export/", audit.AuditExport.as_view(), name="audit-export"),
    path("audit/checkpoints/", audit.Checkpoints.as_view(), name="audit-checkpoints"),
    path("clusters/", clusters.Clusters.as_view(), name="clusters"),
    path("clusters/preflight/", clusters.ClusterPreflight.as_view(), name="clusters-preflight"),
    path("clusters/<slug:name>/", clusters.ClusterOne.as_view(), name="cluster"),
    path("clusters/<slug:name>/preflight/", clusters.ClusterRecheck.as_view(), name="cluster-preflight"),
    path("clusters/<slug:name>/refresh/", clusters.ClusterRefresh.as_view(), name="cluster-refresh"),
    path("clusters/<slug:name>/pause/", clusters.ClusterPause.as_view(), name="cluster-pause"),
    path("clusters/<slug:name>/resume/", clusters.ClusterResume.as_view(), name="cluster-resume"),
    path("clusters/<slug:name>/egress/", mesh.Matrix.as_view(), name="cluster-egress"),
    path(
        "clusters/<slug:name>/suppressions/",
        suppressions.Suppressions.as_view(),
        name="cluster-suppressions",
    ),
    path("workloads/", mesh.Workloads.as_view(), name="workloads"),
    path("egress/explain/", mesh.Explain.as_view(), name="explain"),
    path("findings/", findings.Findings.as_view(), name="findings"),
    path("findings/export/", findings.Export.as_view(), name="findings-export"),
    path("findings/<int:pk>/", findings.FindingOne.as_view(), name="finding"),
    path("findings/<int:pk>/suppress/", suppressions.Suppress.as_view(), name="finding-suppress"),
    path("findings/<int:pk>/lift/", suppressions.Lift.as_view(), name="finding-lift"),
    path("suppressions/<int:pk>/lift/", suppressions.LiftOne.as_view(), name="suppression-lift"),
    path("objects/", mesh.Objects.as_view(), name="objects"),
    path("objects/<int:pk>/", mesh.ObjectOne.as_view(), name="object"),
    path("changes/", changes.Changes.as_view(), name="changes"),
    path("changes/<int:pk>/", changes.ChangeOne.as_view(), name="change"),
    path("changes/<int:pk>/diff/", changes.ChangeDiff.as_view(), name="change-diff"),
    path("changes/<int:pk>/events/", changes.ChangeEvents.as_view(), name="change-events"),
    path("changes/<int:pk>/submit/", change_verbs.Submit.as_view(), name="change-submit"),
    path("changes/<int:pk>/approve/", change_verbs.Approve.as_view(), name="change-approve"),
    path("changes/<int:pk>/reject/", change_verbs.Reject.as_view(), name="change-reject"),
    path("changes/<int:pk>/withdraw/", change_verbs.Withdraw.as_view(), name="change-withdraw"),
    path("changes/<int:pk>/execute/", change_verbs.Execute.as_view(), name="change-execute"),
    path("changes/<int:pk>/cancel/", change_verbs.Cancel.as_view(), name="change-cancel"),
    path("changes/<int:pk>/revert/", change_verbs.Revert.as_view(), name="change-revert"),
    path("changes/<int:pk>/verify/", change_verbs.Verify.as_view(), name="change-verify"),
    path("changes/<int:pk>/take-over/", change_verbs.TakeOver.as_view(), name="change-take-over"),
    re_path(r"^.*$", not_found),
]
