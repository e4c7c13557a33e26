"""The two admins: the operators' own, and every agency's, which sees its own rows alone."""

from accounts.admin.agencies import AgencyAdmin
from accounts.admin.base import HouseSite
from accounts.admin.brands import BrandAdmin
from accounts.admin.endings import OffboardingAdmin
from accounts.admin.invitations import InvitationAdmin, OperatorsInvitationAdmin
from accounts.admin.people import MembershipAdmin, OperatorAdmin
from accounts.admin.states import AppStateAdmin
from accounts.models import Invitation, Membership, User
from tenants.models import Agency, AppState, Brand, Offboarding


class OperatorsSite(HouseSite):
    heading = "Agencies"
    introduction = "Who works with Nightjar. What agencies do for their brands is theirs, and not shown here."


class AgencySite(HouseSite):
    heading = "Setting up"
    introduction = "Your brands, and the people who work for them."


operators_site = OperatorsSite(name="admin")
operators_site.register(Agency, AgencyAdmin)
operators_site.register(Invitation, OperatorsInvitationAdmin)
operators_site.register(User, OperatorAdmin)
operators_site.register(AppState, AppStateAdmin)

agency_site = AgencySite(name="admin")
agency_site.register(Brand, BrandAdmin)
agency_site.register(Membership, MembershipAdmin)
agency_site.register(Invitation, InvitationAdmin)
agency_site.register(Offboarding, OffboardingAdmin)
