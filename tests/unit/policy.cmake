# SPDX-License-Identifier: Apache-2.0
cps_unit_test(web_origin cps_agent_core)
cps_unit_test(limits cps_agent_core)
cps_unit_test(push_limit cps_agent_core)
cps_unit_test(consent_memory cps_agent_core)
cps_unit_test(policy_parts cps_agent_core)
