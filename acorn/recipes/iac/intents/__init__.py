"""All intents: what can be asked for, by name. A new one is a class in these modules and a place in the list."""

from acorn.recipes.iac.intents.access import Role, SecurityGroup
from acorn.recipes.iac.intents.images import GoImage, NodeImage, PythonImage, WorkerImage
from acorn.recipes.iac.intents.intent import Intent, Phrasing
from acorn.recipes.iac.intents.machines import Database, Instance, Network
from acorn.recipes.iac.intents.routes import Ingress, Service
from acorn.recipes.iac.intents.settings import ConfigMap, NetworkPolicy, Quota, VolumeClaim
from acorn.recipes.iac.intents.storage import Bucket, Queue, Table
from acorn.recipes.iac.intents.workloads import Autoscaler, CronJob, Deployment

__all__ = ["INTENTS", "Intent", "Phrasing"]

INTENTS: dict[str, Intent] = {
    one.name: one()
    for one in (
        *(Bucket, Queue, Table, Network, Instance, Database, Role, SecurityGroup),
        *(Deployment, Service, Ingress, CronJob, Autoscaler, ConfigMap, VolumeClaim, Quota, NetworkPolicy),
        *(PythonImage, NodeImage, GoImage, WorkerImage),
    )
}
