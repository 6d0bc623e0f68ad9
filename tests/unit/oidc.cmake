# SPDX-License-Identifier: Apache-2.0
cps_unit_test(oidc_binding cps_oidc)
cps_unit_test(oidc_client cps_oidc)
cps_unit_test(oidc_esante cps_oidc)
cps_unit_test(oidc_form cps_oidc)
cps_unit_test(oidc_idtoken cps_oidc)
cps_unit_test(oidc_jws cps_oidc PkgConfig::JOSE)
cps_unit_test(oidc_loopback cps_oidc)
cps_unit_test(oidc_profile cps_oidc)
cps_unit_test(oidc_flow cps_oidc)
cps_unit_test(oidc_sessions cps_oidc)
cps_unit_test(oidc_tls_sessions cps_oidc)
cps_unit_test(oidc_url cps_oidc)
cps_unit_test(oidc_wycheproof cps_oidc)
set_tests_properties(unit.oidc_wycheproof PROPERTIES SKIP_RETURN_CODE 77
  ENVIRONMENT "CPS_SHARED_DATA=$ENV{CPS_SHARED_DATA}")
target_compile_definitions(test_oidc_wycheproof PRIVATE
  DEFAULT_SHARED_DATA="${PROJECT_SOURCE_DIR}/../shared/data")
target_compile_definitions(test_oidc_profile PRIVATE
  EXAMPLES="${PROJECT_SOURCE_DIR}/oidc/providers.d")

# Preloaded by tests/process/test_oidcd_stall.py; without sanitizers, whose runtime must come first.
add_library(slow_resolver MODULE ${PROJECT_SOURCE_DIR}/tests/process/slow_resolver.c)
set_target_properties(slow_resolver PROPERTIES PREFIX ""
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
