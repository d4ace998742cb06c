"""
Facts of the AWS provider 6.25: of some types, every argument and block. Written name{ arguments and blocks }, `!` is
required. From the schema in the wheel cdktf-cdktf-provider-aws 21.22.1 (MPL-2.0); the ports and the protocol of a
security group's rules are marked required by hand.
"""

import re
from functools import cache

META = {"count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "connection"}


@cache
def facts(text: str) -> dict:
    """-> {type: {"required": bool, "arguments": {name: required}, "blocks": {name: the same again}}}"""
    root = {"arguments": {}, "blocks": {}}
    open_, word = [root], ""
    for token in re.findall(r"\w+!?|[{}]", text):
        if token == "}":
            open_.pop()
        elif token == "{":
            name = word.rstrip("!")
            del open_[-1]["arguments"][name]
            block = {"required": word.endswith("!"), "arguments": {}, "blocks": {}}
            open_[-1]["blocks"][name] = block
            open_.append(block)
        else:
            open_[-1]["arguments"][token.rstrip("!")] = token.endswith("!")
            word = token
    return root["blocks"]


RESOURCES = """
aws_s3_bucket{ acceleration_status acl bucket bucket_prefix force_destroy object_lock_enabled policy region
  request_payer tags cors_rule{ allowed_methods! allowed_origins! allowed_headers expose_headers max_age_seconds }
  grant{ permissions! type! uri } lifecycle_rule{ enabled! abort_incomplete_multipart_upload_days prefix tags
  expiration{ date days expired_object_delete_marker } noncurrent_version_expiration{ days }
  noncurrent_version_transition{ storage_class! days } transition{ storage_class! date days } } logging{
  target_bucket! target_prefix } object_lock_configuration{ object_lock_enabled rule{ default_retention!{ mode! days
  years } } } replication_configuration{ role! rules!{ status! delete_marker_replication_status prefix priority
  destination!{ bucket! account_id replica_kms_key_id storage_class access_control_translation{ owner! } metrics{
  minutes status } replication_time{ minutes status } } filter{ prefix tags } source_selection_criteria{
  sse_kms_encrypted_objects{ enabled! } } } } server_side_encryption_configuration{ rule!{ bucket_key_enabled
  apply_server_side_encryption_by_default!{ sse_algorithm! kms_master_key_id } } } timeouts{ create delete read update
  } versioning{ enabled mfa_delete } website{ error_document index_document redirect_all_requests_to routing_rules } }
aws_s3_bucket_public_access_block{ bucket! block_public_acls block_public_policy ignore_public_acls region
  restrict_public_buckets skip_destroy }
aws_s3_bucket_versioning{ bucket! expected_bucket_owner mfa region versioning_configuration!{ status! mfa_delete } }
aws_s3_bucket_server_side_encryption_configuration{ bucket! expected_bucket_owner region rule!{
  blocked_encryption_types bucket_key_enabled apply_server_side_encryption_by_default{ sse_algorithm!
  kms_master_key_id } } }
aws_s3_bucket_ownership_controls{ bucket! region rule!{ object_ownership! } }
aws_s3_bucket_policy{ bucket! policy! region }
aws_sqs_queue{ content_based_deduplication deduplication_scope delay_seconds fifo_queue fifo_throughput_limit
  kms_data_key_reuse_period_seconds kms_master_key_id max_message_size message_retention_seconds name name_prefix
  policy receive_wait_time_seconds redrive_allow_policy redrive_policy region sqs_managed_sse_enabled tags
  visibility_timeout_seconds timeouts{ create delete update } }
aws_sqs_queue_policy{ policy! queue_url! region }
aws_sns_topic{ application_failure_feedback_role_arn application_success_feedback_role_arn
  application_success_feedback_sample_rate archive_policy content_based_deduplication delivery_policy display_name
  fifo_throughput_scope fifo_topic firehose_failure_feedback_role_arn firehose_success_feedback_role_arn
  firehose_success_feedback_sample_rate http_failure_feedback_role_arn http_success_feedback_role_arn
  http_success_feedback_sample_rate kms_master_key_id lambda_failure_feedback_role_arn
  lambda_success_feedback_role_arn lambda_success_feedback_sample_rate name name_prefix policy region
  signature_version sqs_failure_feedback_role_arn sqs_success_feedback_role_arn sqs_success_feedback_sample_rate tags
  tracing_config }
aws_dynamodb_table{ name! billing_mode deletion_protection_enabled hash_key range_key read_capacity region
  restore_date_time restore_source_name restore_source_table_arn restore_to_latest_time stream_enabled
  stream_view_type table_class tags write_capacity attribute{ name! type! } global_secondary_index{ hash_key! name!
  projection_type! non_key_attributes range_key read_capacity write_capacity on_demand_throughput{
  max_read_request_units max_write_request_units } warm_throughput{ read_units_per_second write_units_per_second } }
  global_table_witness{ region_name } import_table{ input_format! input_compression_type s3_bucket_source!{ bucket!
  bucket_owner key_prefix } input_format_options{ csv{ delimiter header_list } } } local_secondary_index{ name!
  projection_type! range_key! non_key_attributes } on_demand_throughput{ max_read_request_units
  max_write_request_units } point_in_time_recovery{ enabled! recovery_period_in_days } replica{ region_name!
  consistency_mode deletion_protection_enabled kms_key_arn point_in_time_recovery propagate_tags }
  server_side_encryption{ enabled! kms_key_arn } timeouts{ create delete update } ttl{ attribute_name enabled }
  warm_throughput{ read_units_per_second write_units_per_second } }
aws_vpc{ assign_generated_ipv6_cidr_block cidr_block enable_dns_hostnames enable_dns_support
  enable_network_address_usage_metrics instance_tenancy ipv4_ipam_pool_id ipv4_netmask_length ipv6_cidr_block
  ipv6_cidr_block_network_border_group ipv6_ipam_pool_id ipv6_netmask_length region tags }
aws_subnet{ vpc_id! assign_ipv6_address_on_creation availability_zone availability_zone_id cidr_block
  customer_owned_ipv4_pool enable_dns64 enable_lni_at_device_index enable_resource_name_dns_a_record_on_launch
  enable_resource_name_dns_aaaa_record_on_launch ipv6_cidr_block ipv6_native map_customer_owned_ip_on_launch
  map_public_ip_on_launch outpost_arn private_dns_hostname_type_on_launch region tags timeouts{ create delete } }
aws_internet_gateway{ region tags vpc_id timeouts{ create delete update } }
aws_nat_gateway{ allocation_id availability_mode connectivity_type private_ip region secondary_allocation_ids
  secondary_private_ip_address_count secondary_private_ip_addresses subnet_id tags vpc_id availability_zone_address{
  allocation_ids availability_zone availability_zone_id } timeouts{ create delete update } }
aws_eip{ address associate_with_private_ip customer_owned_ipv4_pool domain instance ipam_pool_id network_border_group
  network_interface public_ipv4_pool region tags timeouts{ delete read update } }
aws_route{ route_table_id! carrier_gateway_id core_network_arn destination_cidr_block destination_ipv6_cidr_block
  destination_prefix_list_id egress_only_gateway_id gateway_id local_gateway_id nat_gateway_id network_interface_id
  region transit_gateway_id vpc_endpoint_id vpc_peering_connection_id timeouts{ create delete update } }
aws_route_table{ vpc_id! propagating_vgws region tags route{ carrier_gateway_id cidr_block core_network_arn
  destination_prefix_list_id egress_only_gateway_id gateway_id ipv6_cidr_block local_gateway_id nat_gateway_id
  network_interface_id transit_gateway_id vpc_endpoint_id vpc_peering_connection_id } timeouts{ create delete update }
  }
aws_route_table_association{ route_table_id! gateway_id region subnet_id timeouts{ create delete update } }
aws_instance{ ami associate_public_ip_address availability_zone disable_api_stop disable_api_termination ebs_optimized
  enable_primary_ipv6 fetch_password_data force_destroy hibernation host_id host_resource_group_arn
  iam_instance_profile instance_initiated_shutdown_behavior instance_type ipv6_address_count ipv6_addresses key_name
  monitoring placement_group placement_group_id placement_partition_number private_ip region secondary_private_ips
  security_groups source_dest_check subnet_id tags tenancy user_data user_data_base64 user_data_replace_on_change
  volume_tags vpc_security_group_ids capacity_reservation_specification{ capacity_reservation_preference
  capacity_reservation_target{ capacity_reservation_id capacity_reservation_resource_group_arn } } cpu_options{
  amd_sev_snp core_count threads_per_core } credit_specification{ cpu_credits } ebs_block_device{ device_name!
  delete_on_termination encrypted iops kms_key_id snapshot_id tags throughput volume_size volume_type }
  enclave_options{ enabled } ephemeral_block_device{ device_name! no_device virtual_name } instance_market_options{
  market_type spot_options{ instance_interruption_behavior max_price spot_instance_type valid_until } }
  launch_template{ name version } maintenance_options{ auto_recovery } metadata_options{ http_endpoint
  http_protocol_ipv6 http_put_response_hop_limit http_tokens instance_metadata_tags } network_interface{ device_index!
  network_interface_id! delete_on_termination network_card_index } primary_network_interface{ network_interface_id! }
  private_dns_name_options{ enable_resource_name_dns_a_record enable_resource_name_dns_aaaa_record hostname_type }
  root_block_device{ delete_on_termination encrypted iops kms_key_id tags throughput volume_size volume_type }
  timeouts{ create delete read update } }
aws_ebs_volume{ availability_zone! encrypted final_snapshot iops kms_key_id multi_attach_enabled outpost_arn region
  size snapshot_id tags throughput type volume_initialization_rate timeouts{ create delete update } }
aws_db_instance{ instance_class! allocated_storage allow_major_version_upgrade apply_immediately
  auto_minor_version_upgrade availability_zone backup_retention_period backup_target backup_window ca_cert_identifier
  character_set_name copy_tags_to_snapshot custom_iam_instance_profile customer_owned_ip_enabled
  database_insights_mode db_name db_subnet_group_name dedicated_log_volume delete_automated_backups
  deletion_protection domain domain_auth_secret_arn domain_dns_ips domain_fqdn domain_iam_role_name domain_ou
  enabled_cloudwatch_logs_exports engine engine_lifecycle_support engine_version final_snapshot_identifier
  iam_database_authentication_enabled identifier identifier_prefix iops kms_key_id license_model maintenance_window
  manage_master_user_password master_user_secret_kms_key_id max_allocated_storage monitoring_interval
  monitoring_role_arn multi_az nchar_character_set_name network_type option_group_name parameter_group_name password
  password_wo password_wo_version performance_insights_enabled performance_insights_kms_key_id
  performance_insights_retention_period port publicly_accessible region replica_mode replicate_source_db
  skip_final_snapshot snapshot_identifier storage_encrypted storage_throughput storage_type tags timezone
  upgrade_storage_config username vpc_security_group_ids blue_green_update{ enabled } restore_to_point_in_time{
  restore_time source_db_instance_automated_backups_arn source_db_instance_identifier source_dbi_resource_id
  use_latest_restorable_time } s3_import{ bucket_name! ingestion_role! source_engine! source_engine_version!
  bucket_prefix } timeouts{ create delete update } }
aws_db_subnet_group{ subnet_ids! description name name_prefix region tags }
aws_iam_role{ assume_role_policy! description force_detach_policies managed_policy_arns max_session_duration name
  name_prefix path permissions_boundary tags inline_policy{ name policy } }
aws_iam_role_policy{ policy! role! name name_prefix }
aws_iam_role_policy_attachment{ policy_arn! role! }
aws_iam_policy{ policy! description name name_prefix path tags }
aws_iam_instance_profile{ name name_prefix path role tags }
aws_security_group{ description name name_prefix region revoke_rules_on_delete tags vpc_id egress{ from_port!
  protocol! to_port! cidr_blocks description ipv6_cidr_blocks prefix_list_ids security_groups self } ingress{
  from_port! protocol! to_port! cidr_blocks description ipv6_cidr_blocks prefix_list_ids security_groups self }
  timeouts{ create delete } }
aws_kms_key{ bypass_policy_lockout_safety_check custom_key_store_id customer_master_key_spec deletion_window_in_days
  description enable_key_rotation is_enabled key_usage multi_region policy region rotation_period_in_days tags
  xks_key_id timeouts{ create } }
aws_kms_alias{ target_key_id! name name_prefix region }
aws_ecr_repository{ name! force_delete image_tag_mutability region tags encryption_configuration{ encryption_type
  kms_key } image_scanning_configuration{ scan_on_push! } image_tag_mutability_exclusion_filter{ filter! filter_type!
  } timeouts{ delete } }
aws_cloudwatch_log_group{ deletion_protection_enabled kms_key_id log_group_class name name_prefix region
  retention_in_days skip_destroy tags }
aws_lambda_function{ function_name! role! architectures code_signing_config_arn description filename handler image_uri
  kms_key_arn layers memory_size package_type publish publish_to region replace_security_groups_on_destroy
  replacement_security_group_ids reserved_concurrent_executions runtime s3_bucket s3_key s3_object_version
  skip_destroy source_code_hash source_kms_key_arn tags timeout capacity_provider_config{
  lambda_managed_instances_capacity_provider_config!{ capacity_provider_arn! execution_environment_memory_gib_per_vcpu
  per_execution_environment_max_concurrency } } dead_letter_config{ target_arn! } durable_config{ execution_timeout!
  retention_period } environment{ variables } ephemeral_storage{ size } file_system_config{ arn! local_mount_path! }
  image_config{ command entry_point working_directory } logging_config{ log_format! application_log_level log_group
  system_log_level } snap_start{ apply_on! } tenancy_config{ tenant_isolation_mode! } timeouts{ create delete update }
  tracing_config{ mode! } vpc_config{ security_group_ids! subnet_ids! ipv6_allowed_for_dual_stack } }
"""

DATA = """
aws_ssm_parameter{ name! region with_decryption }
aws_ami{ allow_unsafe_filter executable_users include_deprecated most_recent name_regex owners region tags uefi_data
  filter{ name! values! } timeouts{ read } }
aws_availability_zones{ all_availability_zones exclude_names exclude_zone_ids region state filter{ name! values! }
  timeouts{ read } }
aws_caller_identity{  }
aws_region{ endpoint name region }
aws_iam_policy_document{ override_json override_policy_documents policy_id source_json source_policy_documents version
  statement{ actions effect not_actions not_resources resources sid condition{ test! values! variable! }
  not_principals{ identifiers! type! } principals{ identifiers! type! } } }
aws_vpc{ cidr_block default dhcp_options_id region state tags filter{ name! values! } timeouts{ read } }
aws_subnet{ availability_zone availability_zone_id cidr_block default_for_az ipv6_cidr_block region state tags vpc_id
  filter{ name! values! } timeouts{ read } }
"""
