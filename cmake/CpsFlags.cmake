# SPDX-License-Identifier: Apache-2.0
# Warnings and hardening shared by every target, carried by the interface target cps::flags.
# The warning set is libfido2's with a few additions; warnings are errors.
include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(cps_flags INTERFACE)
add_library(cps::flags ALIAS cps_flags)

target_compile_definitions(cps_flags INTERFACE _GNU_SOURCE)
target_include_directories(cps_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)

set(CPS_WARNINGS
  -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wvla -Walloca
  -Wundef -Wnull-dereference -Wimplicit-fallthrough -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wwrite-strings -Wbad-function-cast -Wpointer-arith -Wredundant-decls
  -Wdate-time -Wframe-larger-than=16384)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND CPS_WARNINGS -Wlogical-op -Wduplicated-cond -Warith-conversion -Wbidi-chars=any)
endif()
target_compile_options(cps_flags INTERFACE ${CPS_WARNINGS})

if(CPS_SANITIZE)
  # Frames grow under ASan; a null check that the sanitizer adds may look like a null dereference.
  target_compile_options(cps_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer -Wno-frame-larger-than -Wno-null-dereference)
  target_link_options(cps_flags INTERFACE -fsanitize=address,undefined)
  target_compile_definitions(cps_flags INTERFACE CPS_SANITIZE=1)
else()
  target_compile_options(cps_flags INTERFACE -fstack-protector-strong -fstack-clash-protection
    -fcf-protection=full)
  target_compile_definitions(cps_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=3>)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(cps_flags INTERFACE -ftrivial-auto-var-init=zero
      -fzero-call-used-regs=used-gpr)
  endif()
endif()
target_link_options(cps_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
  -Wl,--as-needed)
