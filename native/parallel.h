// A parallel loop on the thread pool that XLA computes with.
//
// oneDNN brings OpenMP threads of its own. Two pools on the same cores fight:
// one spins while the other works. So every oneDNN primitive here runs on one
// thread, and the work is split over XLA's pool, which knows how many CPUs the
// process may use.

#ifndef SUNCET_JAX_NATIVE_PARALLEL_H_
#define SUNCET_JAX_NATIVE_PARALLEL_H_

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>

#include "xla/ffi/api/ffi.h"

// Of GCC's OpenMP, which oneDNN is linked to. Declared here because <omp.h> is
// the compiler's and may belong to another OpenMP.
extern "C" int omp_get_max_threads();
extern "C" void omp_set_num_threads(int count);

namespace suncet {

// Makes oneDNN use the calling thread alone. OpenMP keeps this number for each
// thread; it is put back because the thread may belong to the user.
class SingleThreaded {
 public:
  SingleThreaded() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThreaded() { omp_set_num_threads(before_); }
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;

 private:
  const int before_;
};

// The tasks 0 .. count - 1 of one loop, taken one by one by whoever is free.
class Loop {
 public:
  Loop(int64_t count, const std::function<void(int64_t)>& task)
      : count_(count), task_(task) {}

  // Works until no task is left to take. A helper that comes late finds none
  // and does not touch `task_`, which may be gone.
  void Work() {
    for (;;) {
      int64_t index;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (next_ == count_) return;
        index = next_++;
      }
      std::exception_ptr error;
      try {
        SingleThreaded single_threaded;
        task_(index);
      } catch (...) {
        error = std::current_exception();
      }
      std::lock_guard<std::mutex> lock(mutex_);
      if (error && !error_) error_ = error;
      if (++done_ == count_) finished_.notify_all();
    }
  }

  // Returns when all tasks are done; throws the first error that was noted.
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    finished_.wait(lock, [this] { return done_ == count_; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const int64_t count_;
  const std::function<void(int64_t)>& task_;
  std::mutex mutex_;
  std::condition_variable finished_;
  int64_t next_ = 0;
  int64_t done_ = 0;
  std::exception_ptr error_;
};

// Runs task(0) .. task(count - 1) on XLA's pool and the calling thread. The
// caller takes tasks as well, so a pool whose threads all wait in such loops
// still finishes every one of them.
inline void ParallelFor(xla::ffi::ThreadPool& pool, int64_t count,
                        const std::function<void(int64_t)>& task) {
  auto loop = std::make_shared<Loop>(count, task);
  const int64_t helpers = std::min(pool.num_threads(), count) - 1;
  try {
    for (int64_t i = 0; i < helpers; ++i) {
      pool.Schedule([loop] { loop->Work(); });
    }
  } catch (const std::bad_alloc&) {
    // Helpers that run already use this frame; the caller does what is left.
  }
  loop->Work();
  loop->Wait();
}

}  // namespace suncet

#endif  // SUNCET_JAX_NATIVE_PARALLEL_H_
