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

# The same kernel source once per instruction-set level. Sums may be reordered into vectors, but NaN and infinity keep
# their meaning: training looks for them. Vectors wider than a level has pass between internal functions alone.
set(level_sources "${PROJECT_SOURCE_DIR}/native/src/kernels/fm_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/gibbs_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/linear_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/implicit_als_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/retrieval_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/fm_ranking_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/latents_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/interactions_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/pairwise_level.cpp"
  "${PROJECT_SOURCE_DIR}/native/src/kernels/slim_level.cpp")
list(REMOVE_ITEM kernel_sources ${level_sources})
set_target_properties(pairloom_kernels PROPERTIES SOURCES "${kernel_sources}")
function(pairloom_level level lanes)
  string(REPLACE "-" "_" symbol "level_${level}")
  add_library(${symbol} OBJECT ${level_sources})
  target_include_directories(${symbol} PRIVATE "${PROJECT_SOURCE_DIR}/native/include")
  target_compile_definitions(${symbol} PRIVATE PAIRLOOM_LEVEL=${symbol} PAIRLOOM_LEVEL_NAME="${level}"
    PAIRLOOM_LANES=${lanes})
  target_compile_options(${symbol} PRIVATE ${pairloom_warnings} -Wno-psabi -O3 -fno-math-errno -fno-trapping-math
    -fno-signed-zeros -fassociative-math -ffp-contract=fast ${ARGN})
  target_sources(pairloom_kernels PRIVATE $<TARGET_OBJECTS:${symbol}>)
endfunction()

pairloom_level(portable 4)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_definitions(pairloom_kernels PRIVATE PAIRLOOM_X86_LEVELS)
  pairloom_level(x86-64-v2 4 -march=x86-64-v2)
  pairloom_level(x86-64-v3 8 -march=x86-64-v3)
  pairloom_level(x86-64-v4 16 -march=x86-64-v4 -mprefer-vector-width=512)
endif()
