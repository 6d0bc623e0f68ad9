# SPDX-License-Identifier: Apache-2.0
cps_unit_test(tlv cps_card)
cps_unit_test(hash cps_card PkgConfig::CRYPTO)
cps_unit_test(p15 cps_card)
cps_unit_test(apdu cps_card)
cps_unit_test(cps3 cps_card PkgConfig::CRYPTO)
cps_unit_test(watch cps_pcsc)
cps_unit_test(pcsc_wait cps_pcsc)
cps_unit_test(pcsc_error cps_pcsc)

# libFuzzer, clang only, on request: cmake --build --preset clang --target fuzz_card
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  get_target_property(fuzzed cps_card SOURCES)
  list(TRANSFORM fuzzed PREPEND ${PROJECT_SOURCE_DIR}/pkcs11/)
  add_executable(fuzz_card EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_card.c ${fuzzed})
  target_compile_options(fuzz_card PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_options(fuzz_card PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(fuzz_card PRIVATE cps_base PkgConfig::CRYPTO)
endif()
