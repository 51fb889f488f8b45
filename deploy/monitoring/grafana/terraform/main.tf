# The dashboards by Terraform, into a Grafana that you have: GRAFANA_URL and GRAFANA_AUTH (a service account's token) in the
# environment, then `terraform apply`.
terraform {
  required_version = ">= 1.5"
  required_providers {
    grafana = {
      source  = "grafana/grafana"
      version = "~> 4.0"
    }
  }
}

provider "grafana" {}

locals {
  files = fileset("${path.module}/../dashboards", "grafana-mcp-*.json")
}

resource "grafana_folder" "mcp" {
  title = "MCP"
  uid   = "mcp"
}

resource "grafana_dashboard" "mcp" {
  for_each    = local.files
  folder      = grafana_folder.mcp.uid
  config_json = file("${path.module}/../dashboards/${each.value}")
  overwrite   = true
}

resource "grafana_organization_preferences" "home" {
  home_dashboard_uid = grafana_dashboard.mcp["grafana-mcp-overview.json"].uid
}
