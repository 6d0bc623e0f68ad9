# SPDX-License-Identifier: Apache-2.0
cps_unit_test(agent_people cps_agent_core)
cps_unit_test(agent_practice cps_agent_core)
cps_unit_test(cps_objects cps_card)
cps_unit_test(text)

# As fuzz_card: cmake --build --preset clang --target fuzz_cps_objects
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  function(cps_fuzz_target name)
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
    add_executable(${name} EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c ${ARGN})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
    target_link_libraries(${name} PRIVATE cps_base PkgConfig::CRYPTO)
  endfunction()
  cps_fuzz_target(fuzz_cps_objects pkcs11/cps_objects.c pkcs11/tlv.c base/text.c)
  cps_fuzz_target(fuzz_identity
    agent/identity.c agent/identity_extension.c agent/national_id.c base/text.c)
endif()
