"""One file an area: read serializers show, input serializers validate. No rules, no queries."""
