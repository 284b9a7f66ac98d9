#include "pairloom/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace pairloom {
namespace {

struct Job {
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
      job_ = job;
    }
    wake_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return job_ == nullptr; });
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stop_ || job_ != nullptr; });
      if (stop_) return;
      Job* job = job_;
      lock.unlock();
      job->work();
      lock.lock();
      job_ = nullptr;
      done_.notify_one();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
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
  for (auto& worker : workers) worker->start(&job);
  job.work();
  for (auto& worker : workers) worker->wait();
  threads.give_back(std::move(workers));
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace pairloom
