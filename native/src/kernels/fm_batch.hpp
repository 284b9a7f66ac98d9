#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "pairloom/fm.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {

// Zeroed floats on a cache line of their own, as wide vector loads want them.
class AlignedFloats {
 public:
  explicit AlignedFloats(std::size_t n) : storage_(n + 15) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
    begin_ = storage_.data() + (64 - address % 64) % 64 / sizeof(float);
  }
  AlignedFloats(AlignedFloats&&) noexcept = default;
  float* data() { return begin_; }

 private:
  std::vector<float> storage_;
  float* begin_;
};

std::size_t choose_prefetch_distance(std::size_t n_features, const FmLayout& layout, const RowView& rows);

// Spins for some microseconds, the usual wait between two tiles or mini-batches, then yields: another process may hold
// the core that the last worker needs.
class Barrier {
 public:
  explicit Barrier(std::size_t n_workers) : n_workers_(n_workers) {}

  // The last worker to arrive runs `finish` before all go on.
  template <typename Finish>
  void wait(const Finish& finish) {
    const std::size_t turn = turn_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == n_workers_) {
      finish();
      arrived_.store(0, std::memory_order_relaxed);
      turn_.store(turn + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; turn_.load(std::memory_order_acquire) == turn; ++spins) {
      if (spins < 4000) {
        spin_pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  const std::size_t n_workers_;
  alignas(64) std::atomic<std::size_t> arrived_{0};
  alignas(64) std::atomic<std::size_t> turn_{0};
};

}  // namespace pairloom
