// Memory of the array solver, kept from call to call.

#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

// Memory of one thread for one array at a time. Up to KEPT bytes stay for the next call: fresh memory costs the system
// more time than an array of 64 x 64 takes to solve.
class Memory {
 public:
  explicit Memory(int64_t numbers) : kept_(block()) {
    const size_t bytes = sizeof(double) * (numbers + PARTS * APART);
    if (bytes > KEPT) {
      own_ = Block(bytes);
    } else if (kept_.bytes < bytes) {
      kept_ = Block(bytes);
    }
    next_ = own_.data ? own_.data : kept_.data;
  }

  // So many numbers, aligned; parts begin apart from one another in the caches.
  double* take(int64_t n) {
    double* found = next_;
    next_ += (n + 7) / 8 * 8 + APART;
    return found;
  }

 private:
  static constexpr size_t KEPT = 32 << 20;
  static constexpr int64_t PARTS = 16, APART = 136;  // numbers between parts, at most 16 of them

  struct Block {
    Block() = default;
    explicit Block(size_t n) : data(static_cast<double*>(::operator new[](n, std::align_val_t(64)))), bytes(n) {}
    ~Block() { ::operator delete[](data, std::align_val_t(64)); }
    Block(const Block&) = delete;
    Block& operator=(Block&& other) {
      std::swap(data, other.data);
      std::swap(bytes, other.bytes);
      return *this;
    }
    double* data = nullptr;
    size_t bytes = 0;
  };

  static Block& block() {
    thread_local Block found;
    return found;
  }

  Block& kept_;
  Block own_;
  double* next_;
};
