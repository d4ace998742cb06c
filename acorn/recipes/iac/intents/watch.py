"""What watches and keeps: alarms, logs, dashboards, budgets, backups, flows of steps."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.cloudformation import stack
from acorn.recipes.iac.render.hcl import Block, Ref, jsonencode, resource, variable

METRICS = {
    "CPUUtilization": ("AWS/EC2", "AWS/RDS", "AWS/ECS"),
    "Errors": ("AWS/Lambda",),
    "Throttles": ("AWS/Lambda",),
    "FreeStorageSpace": ("AWS/RDS",),
    "MemoryUtilization": ("AWS/ECS",),
    "RequestCount": ("AWS/ApplicationELB",),
    "HTTPCode_ELB_5XX_Count": ("AWS/ApplicationELB",),
}


class Alarm(Intent):
    name, kinds, title = "alarm", ("terraform", "cloudformation"), "CloudWatch alarm"
    notes = (
        "An alarm compares a metric with a threshold, period by period.",
        "Two periods in a row keep a short peak from waking somebody up.",
    )
    thing = "[a CloudWatch alarm|an AWS alarm]"
    parts = "name {name}; metric {metric}; namespace {space}; [threshold|over] {threshold}"
    train = (
        "{tool}: alarm {name}, {space} {metric} over {threshold}",
        "We want an alarm {name} when {metric} in {space} is over {threshold}. Use {tool}.",
    )
    held = ("In {tool}, I want the alarm {name} on {space} {metric}, threshold {threshold}.",)

    def sample(self, rng):
        metric = rng.choice(list(METRICS))
        threshold = rng.choice((5, 10, 20, 40, 50, 60, 70, 75, 80, 85, 90, 95, 100, 200, 500))
        return {"name": words.name(rng), "metric": metric, "space": rng.choice(METRICS[metric]), "threshold": threshold}

    def fits(self, p, kind):
        return p["space"] in METRICS[p["metric"]]

    def terraform_facts(self, p):
        alarm = "aws_cloudwatch_metric_alarm"
        return {
            f"{alarm}/alarm_name": p["name"],
            f"{alarm}/metric_name": p["metric"],
            f"{alarm}/namespace": p["space"],
            f"{alarm}/comparison_operator": "GreaterThanThreshold",
            f"{alarm}/threshold": p["threshold"],
        }

    def terraform(self, p):
        body = {
            "alarm_name": p["name"],
            "namespace": p["space"],
            "metric_name": p["metric"],
            "statistic": "Average",
            "period": 300,
            "evaluation_periods": 2,
            "comparison_operator": "GreaterThanThreshold",
            "threshold": p["threshold"],
        }
        return resource("aws_cloudwatch_metric_alarm", body)

    def cloudformation_facts(self, p):
        alarm = "AWS::CloudWatch::Alarm"
        return {
            f"{alarm}/AlarmName": p["name"],
            f"{alarm}/MetricName": p["metric"],
            f"{alarm}/Namespace": p["space"],
            f"{alarm}/ComparisonOperator": "GreaterThanThreshold",
            f"{alarm}/Threshold": p["threshold"],
        }

    def cloudformation(self, p):
        body = {
            "AlarmName": p["name"],
            "Namespace": p["space"],
            "MetricName": p["metric"],
            "Statistic": "Average",
            "Period": 300,
            "EvaluationPeriods": 2,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": p["threshold"],
        }
        return stack(Alarm=("AWS::CloudWatch::Alarm", body))


class LogGroup(Intent):
    name, kinds, title = "log-group", ("terraform", "cloudformation"), "log group"
    notes = ("Logs are kept for as many days as the retention says; without one, for ever.",)
    thing = "[a log group|a CloudWatch log group]"
    parts = "name {name}; retention {days} days; environment {environment}"
    train = (
        "{tool}: log group {name}, {days} days, {environment}",
        "{name}: log group for {environment}, {days} days, {tool}",
    )
    held = ("In {tool}, I want the log group {name} for {environment}, retention {days} days.",)

    def sample(self, rng):
        return {
            "name": f"/{words.word(rng)}/{words.name(rng)}" if rng.random() < 0.5 else words.name(rng),
            "days": rng.choice((1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400)),
            "environment": rng.choice(words.ENVIRONMENTS),
        }

    def terraform_facts(self, p):
        group = "aws_cloudwatch_log_group"
        return {
            f"{group}/name": p["name"],
            f"{group}/retention_in_days": p["days"],
            f"{group}/tags/Environment": p["environment"],
        }

    def terraform(self, p):
        body = {"name": p["name"], "retention_in_days": p["days"], "tags": {"Environment": p["environment"]}}
        return resource("aws_cloudwatch_log_group", body)

    def cloudformation_facts(self, p):
        group = "AWS::Logs::LogGroup"
        return {
            f"{group}/LogGroupName": p["name"],
            f"{group}/RetentionInDays": p["days"],
            f"{group}/Tags/Value": p["environment"],
        }

    def cloudformation(self, p):
        body = {"LogGroupName": p["name"], "RetentionInDays": p["days"]}
        body["Tags"] = [{"Key": "Environment", "Value": p["environment"]}]
        return stack(LogGroup=("AWS::Logs::LogGroup", body))


class Dashboard(Intent):
    name, kinds, title = "dashboard", ("terraform",), "CloudWatch dashboard"
    notes = ("A dashboard is a list of widgets; a widget shows metrics of one region.",)
    thing = "[a CloudWatch dashboard|a dashboard in AWS]"
    parts = "name {name}; metric {metric}; namespace {space}; region {region}"
    train = ("{tool}: dashboard {name}, {space} {metric}, {region}",)
    held = ("In {tool}, I want the dashboard {name} with {space} {metric}, region {region}.",)
    fits = Alarm.fits

    def sample(self, rng):
        metric = rng.choice(list(METRICS))
        regions = "eu-west-1 eu-central-1 us-east-1 us-west-2".split()
        space = rng.choice(METRICS[metric])
        return {"name": words.name(rng), "metric": metric, "space": space, "region": rng.choice(regions)}

    def terraform_facts(self, p):
        widget = "aws_cloudwatch_dashboard/dashboard_body/widgets"
        return {
            "aws_cloudwatch_dashboard/dashboard_name": p["name"],
            f"{widget}/properties/metrics": [[p["space"], p["metric"]]],
            f"{widget}/properties/region": p["region"],
        }

    def terraform(self, p):
        properties = {"region": p["region"], "metrics": [[p["space"], p["metric"]]]}
        body = {"widgets": [{"type": "metric", "properties": properties}]}
        return resource("aws_cloudwatch_dashboard", {"dashboard_name": p["name"], "dashboard_body": jsonencode(body)})


class Budget(Intent):
    name, kinds, title = "budget", ("terraform",), "budget with a warning"
    notes = ("A budget does not stop anything; it sends a mail when so much of it is spent.",)
    thing = "[an AWS budget|a budget in AWS]"
    parts = "name {name}; [limit|amount] {amount} USD; [email|mail to] {email}; [at|warning at] {percent}%"
    train = ("{tool}: budget {name}, {amount} USD, mail to {email} at {percent}%",)
    held = ("In {tool}, I want the budget {name} of {amount} USD, email {email} at {percent}%.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "amount": rng.choice((50, 100, 150, 200, 250, 300, 400, 500, 800, 1000, 1500, 2000, 5000)),
            "email": f"{words.word(rng)}@{words.word(rng, words.ORGS)}.com",
            "percent": rng.choice((50, 60, 70, 75, 80, 85, 90, 95)),
        }

    def terraform_facts(self, p):
        budget = "aws_budgets_budget"
        return {
            f"{budget}/name": p["name"],
            f"{budget}/limit_amount": p["amount"],
            f"{budget}/limit_unit": "USD",
            f"{budget}/notification/threshold": p["percent"],
            f"{budget}/notification/subscriber_email_addresses": [p["email"]],
        }

    def terraform(self, p):
        notification = Block(
            comparison_operator="GREATER_THAN",
            threshold=p["percent"],
            threshold_type="PERCENTAGE",
            notification_type="ACTUAL",
            subscriber_email_addresses=[p["email"]],
        )
        body = {
            "name": p["name"],
            "budget_type": "COST",
            "limit_amount": str(p["amount"]),
            "limit_unit": "USD",
            "time_unit": "MONTHLY",
            "notification": notification,
        }
        return resource("aws_budgets_budget", body)


class BackupPlan(Intent):
    name, kinds, title = "backup-plan", ("terraform",), "backup plan"
    companions = ("aws_backup_vault",)
    notes = (
        "A plan makes recovery points on a schedule, in UTC, and keeps them in a vault.",
        "What a plan covers is chosen by a selection, most often by tag.",
    )
    thing = "[an AWS backup plan|a backup plan in AWS]"
    parts = "name {name}; every day at {hour} o'clock; keep {days} days"
    train = ("{tool}: backup plan {name}, {hour} o'clock, keep {days} days",)
    held = ("In {tool}, I want the backup plan {name}: keep {days} days, every day at {hour} o'clock.",)

    def sample(self, rng):
        days = rng.choice((7, 14, 21, 30, 35, 60, 90, 120, 180, 365))
        return {"name": words.name(rng), "hour": rng.randint(1, 23), "days": days}

    def terraform_facts(self, p):
        plan = "aws_backup_plan"
        return {
            f"{plan}/name": p["name"],
            f"{plan}/rule/schedule": f"cron(0 {p['hour']} * * ? *)",
            f"{plan}/rule/lifecycle/delete_after": p["days"],
            f"{plan}/rule/target_vault_name": Refers("aws_backup_vault"),
        }

    def terraform(self, p):
        rule = Block(
            rule_name="daily",
            target_vault_name=Ref("aws_backup_vault.this.name"),
            schedule=f"cron(0 {p['hour']} * * ? *)",
            lifecycle=Block(delete_after=p["days"]),
        )
        vault = resource("aws_backup_vault", {"name": p["name"] + "-vault"})
        return vault + "\n" + resource("aws_backup_plan", {"name": p["name"], "rule": rule})


class StateMachine(Intent):
    name, kinds, title = "state-machine", ("terraform",), "state machine"
    notes = (
        "Each state of a step function runs something and names the next one; the last one ends.",
        "A task that fails is tried again as often as its retry says.",
    )
    thing = "[a step function|a Step Functions state machine]"
    parts = "name {name}; {retries} retries; timeout {timeout} [seconds|s]"
    train = ("{tool}: step function {name}, {retries} retries, timeout {timeout}",)
    held = ("In {tool}, I want the step function {name} with timeout {timeout} seconds and {retries} retries.",)

    def sample(self, rng):
        timeout = rng.choice((30, 60, 90, 120, 180, 240, 300, 600, 900, 1800, 3600))
        return {"name": words.name(rng), "retries": rng.randint(2, 9), "timeout": timeout}

    def terraform_facts(self, p):
        machine = "aws_sfn_state_machine"
        task = f"{machine}/definition/States/Run"
        return {
            f"{machine}/name": p["name"],
            f"{machine}/role_arn": "${var.role_arn}",
            f"{machine}/definition/StartAt": "Run",
            f"{machine}/definition/TimeoutSeconds": p["timeout"],
            f"{task}/Resource": "${var.function_arn}",
            f"{task}/Retry/MaxAttempts": p["retries"],
        }

    def terraform(self, p):
        retry = {"ErrorEquals": ["States.ALL"], "MaxAttempts": p["retries"]}
        run = {"Type": "Task", "Resource": Ref("var.function_arn"), "Retry": [retry], "End": True}
        definition = {"StartAt": "Run", "TimeoutSeconds": p["timeout"], "States": {"Run": run}}
        body = {"name": p["name"], "role_arn": Ref("var.role_arn"), "definition": jsonencode(definition)}
        return variable("role_arn", "function_arn") + "\n" + resource("aws_sfn_state_machine", body)
