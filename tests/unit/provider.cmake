# SPDX-License-Identifier: Apache-2.0
cps_unit_test(policy cps_agent_core)
cps_unit_test(provider_digest PkgConfig::NETTLE)
target_sources(test_provider_digest PRIVATE ${PROJECT_SOURCE_DIR}/pkcs11/provider/digest.c)
