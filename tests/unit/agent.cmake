# SPDX-License-Identifier: Apache-2.0
cps_unit_test(agent_backoff cps_agent_core)
cps_unit_test(agent_card_memory cps_agent_core)
cps_unit_test(agent_identity cps_agent_core)
cps_unit_test(agent_keys cps_agent_core PkgConfig::JOSE)
cps_unit_test(agent_prompt_text cps_agent_core)
cps_unit_test(agent_request cps_agent_core)
cps_unit_test(agent_session cps_agent_core PkgConfig::JOSE)
cps_unit_test(agent_session_clock cps_agent_core)
cps_unit_test(agent_sessions cps_agent_core)
cps_unit_test(evidence_check cps_agent_core cps_jws_check cps_evidence_chain)
foreach(part check read)
  target_sources(test_evidence_check PRIVATE ${PROJECT_SOURCE_DIR}/agent/cpsctl/evidence_${part}.c)
endforeach()
cps_unit_test(evidence_fit cps_agent_core)
cps_unit_test(evidence_store cps_evidence_store)
cps_unit_test(agent_token_counts cps_agent_core)
cps_unit_test(agent_trust cps_agent_core)
cps_unit_test(prompt_new_code cps_prompt_core)
cps_unit_test(state_file cps_state_file)

# What a session tells card, oidcd, questions and clients goes to the test.
cps_unit_test(agent_session_ends cps_agent_core)
foreach(call cards_logout cards_reset oidc_logout consents_end sessions_publish_ending)
  target_link_options(test_agent_session_ends PRIVATE -Wl,--wrap=${call})
endforeach()

# The card and the screen are the test's own.
cps_unit_test(agent_pin PkgConfig::SYSTEMD PkgConfig::CRYPTO)
foreach(part pin_dialog pin_policy pin_use prompt_text)
  target_sources(test_agent_pin PRIVATE ${PROJECT_SOURCE_DIR}/agent/${part}.c)
endforeach()

# Session, oidcd and requests are the test's own.
cps_unit_test(agent_tokens PkgConfig::SYSTEMD)
target_sources(test_agent_tokens PRIVATE ${PROJECT_SOURCE_DIR}/agent/tokens.c
  ${PROJECT_SOURCE_DIR}/agent/waiters.c)
