terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
  backend "s3" {
    bucket  = "water-states"
    key     = "main.tfstate"
    region  = "eu-central-1"
    encrypt = true
  }
}

variable "db_password" {
  description = "Password of the database"
  type        = string
  sensitive   = true
}

variable "secret_name" {
  type    = string
  default = "water/db"
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.8.1"
  name    = "main"
}

module "dns" {
  source = "git::https://example.com/dns.git?ref=v1.2.0"
}

module "local" {
  source = "./modules/app"
  token  = var.db_password
}

output "password" {
  value     = aws_db_instance.main.password
  sensitive = true
}

data "http" "ranges" {
  url = "https://example.com/ranges.json"
}

resource "null_resource" "setup" {
  provisioner "local-exec" {
    command = "echo done"
  }
}
