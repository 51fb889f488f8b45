# shellcheck shell=bash
# --kubernetes: kubectl apply of kubernetes/monitoring. Part of setup-monitoring.sh.

kubernetes_start() {
    kubernetes_reachable
    kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace"
    make_secrets
    kubernetes_secrets
    kubectl apply -k "$(overlay kubernetes/monitoring)"
    if kubectl get crd prometheusrules.monitoring.coreos.com >/dev/null 2>&1; then
        kubectl apply -k "$(overlay kubernetes/monitoring/operator)"
        say "The Prometheus operator is here: rules and monitors were given to it too."
    fi
    say "" "Grafana       kubectl -n $namespace port-forward service/grafana 3000        password in the secret monitoring-secrets" \
        "Prometheus    kubectl -n $namespace port-forward service/prometheus 9090     look first at /targets and /alerts" \
        "Alertmanager  kubectl -n $namespace port-forward service/alertmanager 9093" \
        "The mesh's pods need the label app.kubernetes.io/part-of: devmesh, the component as app.kubernetes.io/component," \
        "and a container port named metrics."
    name_empty_secrets
}

# The secret is made once; later, files that somebody has filled in replace what is there, empty ones do not.
kubernetes_secrets() {
    local name given=()
    if ! kubectl -n "$namespace" get secret monitoring-secrets >/dev/null 2>&1; then
        kubectl -n "$namespace" create secret generic monitoring-secrets --from-file="$dir/secrets"
        return
    fi
    for name in pagerduty_key slack_url smtp_password devmesh_key synthetic_key; do
        [ ! -s "$dir/secrets/$name" ] || given+=("--from-file=$dir/secrets/$name")
    done
    [ ${#given[@]} -gt 0 ] || return 0
    kubectl -n "$namespace" create secret generic monitoring-secrets "${given[@]}" --dry-run=client -o json | jq '{data}' >"$dir/patch.json"
    kubectl -n "$namespace" patch secret monitoring-secrets --type merge --patch-file "$dir/patch.json"
    rm -f "$dir/patch.json"
}

# The shipped objects in the chosen namespace, role bindings included: prints the folder of a kustomization that moves them.
overlay() {
    local place=$dir/overlay/$1
    mkdir -p "$place"
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: %s\nresources: [%s]\n' \
        "$namespace" "$(realpath --relative-to="$place" "$root/$1")" >"$place/kustomization.yaml"
    echo "$place"
}

kubernetes_reachable() {
    command -v kubectl >/dev/null || fail "kubectl is not installed"
    command -v jq >/dev/null || fail "jq is not installed"
    kubectl version --request-timeout=5s >/dev/null 2>&1 || fail "kubectl reaches no cluster"
}

kubernetes_stop() {
    kubernetes_reachable
    mkdir -p "$dir"
    kubectl delete -k "$(overlay kubernetes/monitoring)" --ignore-not-found
    say "The namespace $namespace, its secret and its volumes stay."
}

kubernetes_status() {
    kubernetes_reachable
    kubectl -n "$namespace" get pods
}
