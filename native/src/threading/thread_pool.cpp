#include "pairloom/thread_pool.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif
#if !defined(_WIN32)
#include <pthread.h>
#include <sched.h>
#endif

namespace pairloom {
namespace {

// Linux may leave a woken thread on its waker's processor for tens of milliseconds although another idles, longer than
// most jobs take. Each thread of a job therefore looks for a processor that no other thread of it has taken; it is
// moved once, not bound.
class Processors {
 public:
#if defined(__linux__)
  void spread_out() {
    if (take(sched_getcpu())) return;
    cpu_set_t allowed, free;
    if (pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed) != 0) return;
    free = allowed;
    for (int cpu = 0; cpu < most; ++cpu) {
      if (taken(cpu)) CPU_CLR(cpu, &free);
    }
    if (CPU_COUNT(&free) == 0) return;
    if (pthread_setaffinity_np(pthread_self(), sizeof free, &free) != 0) return;
    take(sched_getcpu());
    pthread_setaffinity_np(pthread_self(), sizeof allowed, &allowed);
  }

 private:
  static constexpr int most = CPU_SETSIZE;
  bool taken(int cpu) const { return ((bits_[static_cast<std::size_t>(cpu) / 64] >> (cpu % 64)) & 1U) != 0; }
  bool take(int cpu) {
    if (cpu < 0 || cpu >= most) return true;
    const std::uint64_t bit = std::uint64_t{1} << (cpu % 64);
    return (bits_[static_cast<std::size_t>(cpu) / 64].fetch_or(bit) & bit) == 0;
  }
  std::array<std::atomic<std::uint64_t>, most / 64> bits_{};
#else
  void spread_out() {}
#endif
};

struct Job {
  Processors processors;
  const std::function<void(std::size_t)>* task;
  std::size_t n_tasks;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  std::mutex error_mutex;

  void work() {
    for (std::size_t i = next.fetch_add(1); i < n_tasks; i = next.fetch_add(1)) {
      if (failed.load(std::memory_order_relaxed)) return;
      try {
        (*task)(i);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        failed = true;
      }
    }
  }
};

// Long enough for the caller's work between two parallel passes, short beside what a sleeping thread takes to wake.
constexpr int spins_before_sleep = 2000;

class Worker {
 public:
  Worker() : thread_([this] { loop(); }) {}
  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start(Job* job) {
    {
      const std::lock_guard lock(mutex_);
      job_.store(job, std::memory_order_release);
    }
    wake_.notify_one();
  }
  void wait() {
    for (int i = 0; i < spins_before_sleep; ++i) {
      if (job_.load(std::memory_order_acquire) == nullptr) return;
      spin_pause();
    }
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return job_.load(std::memory_order_acquire) == nullptr; });
  }

 private:
  void loop() {
    for (;;) {
      Job* job = nullptr;
      for (int i = 0; i < spins_before_sleep && job == nullptr; ++i) {
        job = job_.load(std::memory_order_acquire);
        if (job == nullptr) spin_pause();
      }
      if (job == nullptr) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || job_.load(std::memory_order_acquire) != nullptr; });
        if (stop_) return;
        job = job_.load(std::memory_order_acquire);
      }
      job->processors.spread_out();
      job->work();
      const std::lock_guard lock(mutex_);
      job_.store(nullptr, std::memory_order_release);
      done_.notify_one();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<Job*> job_{nullptr};
  bool stop_ = false;
  std::thread thread_;
};

// Idle workers wait here to be borrowed, so that concurrent callers never share one.
struct Pool {
  std::mutex mutex;
  std::vector<std::unique_ptr<Worker>> idle;

  std::vector<std::unique_ptr<Worker>> borrow(std::size_t n) {
    std::vector<std::unique_ptr<Worker>> workers;
    workers.reserve(n);
    {
      const std::lock_guard lock(mutex);
      while (workers.size() < n && !idle.empty()) {
        workers.push_back(std::move(idle.back()));
        idle.pop_back();
      }
    }
    while (workers.size() < n) workers.push_back(std::make_unique<Worker>());
    return workers;
  }
  void give_back(std::vector<std::unique_ptr<Worker>> workers) {
    const std::lock_guard lock(mutex);
    for (auto& worker : workers) idle.push_back(std::move(worker));
  }
};

std::atomic<Pool*> current_pool{nullptr};

// Threads do not survive fork(): a child must start with an empty pool and leave the parent's alone.
Pool& pool() {
  Pool* existing = current_pool.load();
  if (existing == nullptr) {
    auto fresh = std::make_unique<Pool>();
    if (current_pool.compare_exchange_strong(existing, fresh.get())) {
#if !defined(_WIN32)
      static const int registered = pthread_atfork(nullptr, nullptr, [] { current_pool = nullptr; });
      (void)registered;
#endif
      existing = fresh.release();
    }
  }
  return *existing;
}

}  // namespace

void spin_pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

void parallel_for(std::size_t n_tasks, std::size_t n_threads, const std::function<void(std::size_t)>& task) {
  const std::size_t n_workers = std::min(n_threads, n_tasks);
  if (n_workers <= 1) {
    for (std::size_t i = 0; i < n_tasks; ++i) task(i);
    return;
  }
  Job job;
  job.task = &task;
  job.n_tasks = n_tasks;
  Pool& threads = pool();
  auto workers = threads.borrow(n_workers - 1);
  job.processors.spread_out();
  for (auto& worker : workers) worker->start(&job);
  job.work();
  for (auto& worker : workers) worker->wait();
  threads.give_back(std::move(workers));
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace pairloom
