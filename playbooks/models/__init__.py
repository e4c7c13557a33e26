from playbooks.models.canned import CannedResponse
from playbooks.models.playbooks import Guidance, Playbook

__all__ = ["CannedResponse", "Guidance", "Playbook"]
