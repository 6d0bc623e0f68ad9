# SPDX-License-Identifier: Apache-2.0
cps_unit_test(agent_people cps_agent_core)
cps_unit_test(agent_practice cps_agent_core)
cps_unit_test(cps_objects cps_card)
cps_unit_test(text)

# As fuzz_card: cmake --build --preset clang --target fuzz_cps_objects
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  add_executable(fuzz_cps_objects EXCLUDE_FROM_ALL
    ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_cps_objects.c
    ${PROJECT_SOURCE_DIR}/pkcs11/cps_objects.c ${PROJECT_SOURCE_DIR}/pkcs11/tlv.c
    ${PROJECT_SOURCE_DIR}/base/text.c)
  target_compile_options(fuzz_cps_objects PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_options(fuzz_cps_objects PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(fuzz_cps_objects PRIVATE cps_base)
endif()
