resource "aws_iam_policy" "reader" {
  name = "reader"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:ListBucket"]
      Resource = ["arn:aws:s3:::water", "arn:aws:s3:::water/*"]
    }]
  })
}

data "aws_iam_policy_document" "writer" {
  statement {
    effect    = "Allow"
    actions   = ["dynamodb:PutItem"]
    resources = ["arn:aws:dynamodb:eu-central-1:111122223333:table/water"]
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "app" {
  name = "app"
  tags = { team = "water" }
  assume_role_policy = <<EOT
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"Service": "ec2.amazonaws.com"},
      "Action": "sts:AssumeRole"
    }
  ]
}
EOT
}

resource "aws_iam_role_policy_attachment" "app" {
  role       = aws_iam_role.app.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_account_password_policy" "strict" {
  minimum_password_length = 16
}

resource "aws_kms_key" "data" {
  description         = "Data of the water service"
  enable_key_rotation = true
  tags                = { team = "water" }
}

resource "aws_kms_key_policy" "data" {
  key_id = aws_kms_key.data.id
  policy = jsonencode({
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_lambda_permission" "bucket" {
  function_name = "hook"
  action        = "lambda:InvokeFunction"
  principal     = "s3.amazonaws.com"
  source_arn    = "arn:aws:s3:::water"
}

resource "aws_ssm_parameter" "database" {
  name  = "/water/db_password"
  type  = "SecureString"
  value = var.password
  tags  = { team = "water" }
}

variable "password" {
  type      = string
  sensitive = true
}

resource "aws_secretsmanager_secret" "api" {
  name                    = "api"
  recovery_window_in_days = 7
  tags                    = { team = "water" }
}

resource "aws_cloudtrail" "main" {
  name                       = "main"
  s3_bucket_name             = "water-trail"
  is_multi_region_trail      = true
  enable_log_file_validation = true
  kms_key_id                 = aws_kms_key.data.arn
  tags                       = { team = "water" }
}

resource "aws_guardduty_detector" "main" {
  enable = true
}
