# SPDX-License-Identifier: Apache-2.0
cps_unit_test(agent_backoff cps_agent_core)
cps_unit_test(agent_identity cps_agent_core)
cps_unit_test(agent_keys cps_agent_core PkgConfig::JOSE)
cps_unit_test(agent_prompt_text cps_agent_core)
cps_unit_test(agent_session cps_agent_core PkgConfig::JOSE)
cps_unit_test(agent_trust cps_agent_core)
cps_unit_test(prompt_new_code cps_prompt_core)
