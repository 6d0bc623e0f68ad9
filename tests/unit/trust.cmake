# SPDX-License-Identifier: Apache-2.0
cps_unit_test(trust_blocklist cps_trust)
cps_unit_test(trust_store cps_trust)
cps_unit_test(crl cps_agent_core)
