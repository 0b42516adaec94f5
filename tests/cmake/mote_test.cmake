# SPDX-License-Identifier: MIT
# mote_test: one test, under the launcher and in the environment that the preset asks for.

set(mote_launcher ${MOTE_TEST_LAUNCHER})
if(NOT mote_launcher AND CMAKE_CROSSCOMPILING)
  set(mote_launcher ${CMAKE_CROSSCOMPILING_EMULATOR})
elseif(NOT mote_launcher AND MOTE_SANITIZE STREQUAL "thread")
  # The ThreadSanitizers of gcc 12 and clang 14 can't place their shadow where vm.mmap_rnd_bits is above 28.
  execute_process(COMMAND setarch -R true RESULT_VARIABLE refused OUTPUT_QUIET ERROR_QUIET)
  if(NOT refused)
    set(mote_launcher setarch -R)
  endif()
endif()

# mote_test(NAME name TARGET target [ARGS ...] [LABEL label] [TIMEOUT seconds])
function(mote_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TARGET;LABEL;TIMEOUT" "ARGS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  math(EXPR limit "${arg_TIMEOUT} * ${MOTE_TEST_PATIENCE}")
  add_test(NAME ${arg_NAME} COMMAND ${mote_launcher} $<TARGET_FILE:${arg_TARGET}> ${arg_ARGS})
  set_tests_properties(${arg_NAME} PROPERTIES
    TIMEOUT ${limit} LABELS "${arg_LABEL}" ENVIRONMENT "${MOTE_TEST_ENVIRONMENT};MOTE_TEST_LIMIT=${limit}")
endfunction()
