# SPDX-License-Identifier: Apache-2.0
cps_unit_test(agent_people cps_agent_core)
cps_unit_test(agent_practice cps_agent_core)
cps_unit_test(cps_objects cps_card)
cps_unit_test(text)
