resource "google_container_cluster" "main" {
  name                = "main"
  location            = "europe-west1"
  network             = "main"
  enable_legacy_abac  = false
  datapath_provider   = "ADVANCED_DATAPATH"
  resource_labels     = { team = "water" }
  deletion_protection = true

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  master_authorized_networks_config {
    cidr_blocks {
      cidr_block   = "203.0.113.0/24"
      display_name = "office"
    }
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  workload_identity_config {
    workload_pool = "water.svc.id.goog"
  }
}

resource "google_container_node_pool" "main" {
  name    = "main"
  cluster = google_container_cluster.main.id

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  node_config {
    metadata = {
      disable-legacy-endpoints = "true"
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_integrity_monitoring = true
    }
  }
}
