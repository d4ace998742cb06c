resource "google_storage_bucket" "logs" {
  name                        = "water-logs"
  location                    = "EU"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = { team = "water" }

  versioning {
    enabled = true
  }
}

resource "google_storage_bucket_iam_member" "reader" {
  bucket = google_storage_bucket.logs.name
  role   = "roles/storage.objectViewer"
  member = "group:water@example.com"
}

resource "google_storage_bucket_acl" "logs" {
  bucket         = google_storage_bucket.logs.name
  predefined_acl = "private"
}

resource "google_compute_network" "main" {
  name                    = "main"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "web" {
  name                     = "web"
  network                  = google_compute_network.main.id
  ip_cidr_range            = "10.0.0.0/20"
  private_ip_google_access = true

  log_config {
    flow_sampling = 0.5
  }
}

resource "google_compute_firewall" "web" {
  name          = "web"
  network       = google_compute_network.main.name
  direction     = "INGRESS"
  source_ranges = ["0.0.0.0/0"]

  allow {
    protocol = "tcp"
    ports    = ["80", "443"]
  }
}

resource "google_compute_firewall" "ssh" {
  name          = "ssh"
  network       = google_compute_network.main.name
  source_ranges = ["35.235.240.0/20"]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

resource "google_compute_ssl_policy" "modern" {
  name            = "modern"
  min_tls_version = "TLS_1_2"
}

resource "google_dns_managed_zone" "main" {
  name     = "main"
  dns_name = "example.com."

  dnssec_config {
    state = "on"
  }
}

resource "google_compute_instance" "web" {
  name           = "web"
  machine_type   = "e2-small"
  zone           = "europe-west1-b"
  can_ip_forward = false
  labels         = { team = "water" }

  metadata = {
    enable-oslogin     = "TRUE"
    serial-port-enable = "false"
  }

  network_interface {
    subnetwork = google_compute_subnetwork.web.id
  }

  service_account {
    email  = "web@project.iam.gserviceaccount.com"
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }
}

resource "google_sql_database_instance" "main" {
  name                = "main"
  database_version    = "POSTGRES_16"
  deletion_protection = true

  settings {
    tier        = "db-f1-micro"
    user_labels = { team = "water" }

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.main.id
      ssl_mode        = "ENCRYPTED_ONLY"

      authorized_networks {
        name  = "office"
        value = "203.0.113.0/24"
      }
    }

    backup_configuration {
      enabled = true
    }
  }
}

resource "google_bigquery_dataset" "events" {
  dataset_id = "events"
  labels     = { team = "water" }

  access {
    role          = "READER"
    special_group = "projectReaders"
  }
}

resource "google_redis_instance" "sessions" {
  name                    = "sessions"
  memory_size_gb          = 1
  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  labels                  = { team = "water" }
}

resource "google_kms_crypto_key" "data" {
  name            = "data"
  key_ring        = "ring"
  rotation_period = "7776000s"
}

resource "google_project_iam_member" "viewer" {
  project = "water"
  role    = "roles/logging.viewer"
  member  = "group:water@example.com"
}
