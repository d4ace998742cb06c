resource "azurerm_linux_virtual_machine" "web" {
  name                            = "web"
  resource_group_name             = "main"
  location                        = "westeurope"
  size                            = "Standard_B2s"
  admin_username                  = "water"
  disable_password_authentication = true
  encryption_at_host_enabled      = true
  network_interface_ids           = ["nic"]
  tags                            = { team = "water" }
}

resource "azurerm_linux_web_app" "site" {
  name                = "site"
  resource_group_name = "main"
  location            = "westeurope"
  service_plan_id     = "plan"
  https_only          = true
  tags                = { team = "water" }

  site_config {
    minimum_tls_version = "1.2"
    ftps_state          = "Disabled"
    cors {
      allowed_origins = ["https://example.com"]
    }
  }
}

resource "azurerm_kubernetes_cluster" "main" {
  name                              = "main"
  resource_group_name               = "main"
  location                          = "westeurope"
  dns_prefix                        = "main"
  private_cluster_enabled           = true
  role_based_access_control_enabled = true
  local_account_disabled            = true
  tags                              = { team = "water" }

  network_profile {
    network_plugin = "azure"
    network_policy = "cilium"
  }

  oms_agent {
    log_analytics_workspace_id = "workspace"
  }
}

resource "azurerm_container_registry" "main" {
  name                          = "water"
  resource_group_name           = "main"
  location                      = "westeurope"
  sku                           = "Premium"
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  public_network_access_enabled = false
  tags                          = { team = "water" }
}

resource "azurerm_role_assignment" "reader" {
  scope                = "/subscriptions/00000000-0000-0000-0000-000000000000"
  role_definition_name = "Reader"
  principal_id         = "11111111-1111-1111-1111-111111111111"
}

resource "azurerm_role_definition" "restart" {
  name  = "restart"
  scope = "/subscriptions/00000000-0000-0000-0000-000000000000"
  permissions {
    actions = ["Microsoft.Compute/virtualMachines/restart/action"]
  }
}

resource "azurerm_log_analytics_workspace" "main" {
  name                = "main"
  resource_group_name = "main"
  location            = "westeurope"
  retention_in_days   = 90
}
