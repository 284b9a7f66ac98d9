set(pairloom_warnings)
if(NOT MSVC)
  set(pairloom_warnings -Wall -Wextra -Wconversion)
endif()

function(pairloom_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}/native/include")
  target_compile_options(${name} PRIVATE ${pairloom_warnings})
  target_link_libraries(${name} PUBLIC Threads::Threads)
endfunction()

file(GLOB threading_sources CONFIGURE_DEPENDS native/src/threading/*.cpp)
pairloom_library(pairloom_threading ${threading_sources})

file(GLOB parsing_sources CONFIGURE_DEPENDS native/src/parsing/*.cpp)
pairloom_library(pairloom_parsing ${parsing_sources})
target_link_libraries(pairloom_parsing PUBLIC pairloom_threading)

file(GLOB kernel_sources CONFIGURE_DEPENDS native/src/kernels/*.cpp)
pairloom_library(pairloom_kernels ${kernel_sources})
target_link_libraries(pairloom_kernels PUBLIC pairloom_threading)
