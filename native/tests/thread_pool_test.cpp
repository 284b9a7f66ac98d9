#include "pairloom/thread_pool.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.hpp"

int main() {
  for (std::size_t n_threads : {1U, 2U, 7U}) {
    std::vector<std::atomic<int>> seen(100);
    pairloom::parallel_for(seen.size(), n_threads, [&](std::size_t i) { ++seen[i]; });
    for (auto& count : seen) CHECK(count == 1);
  }
  pairloom::parallel_for(0, 4, [](std::size_t) { CHECK(false); });
  CHECK_THROWS(pairloom::parallel_for(8, 3, [](std::size_t i) { if (i == 5) throw std::runtime_error("five"); }),
               std::runtime_error);

  std::atomic<int> total{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) pairloom::parallel_for(16, 3, [&](std::size_t) { ++total; });
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(total == 4 * 200 * 16);
}
