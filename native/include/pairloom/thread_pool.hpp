#pragma once

#include <cstddef>
#include <functional>

namespace pairloom {

// Runs task(0) ... task(n_tasks - 1) on at most n_threads threads, the caller's among them, and returns when all
// are done. Threads are kept between calls. The first exception that a task throws is rethrown here, after every
// task that had begun has ended. Calls from several threads at once are safe; each has its own workers.
void parallel_for(std::size_t n_tasks, std::size_t n_threads, const std::function<void(std::size_t)>& task);

// Tells the processor that this thread only waits.
void spin_pause();

}  // namespace pairloom
