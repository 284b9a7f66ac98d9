#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

namespace pairloom {

// A vector for output of unknown length: never zeroes what it allocates, can be written past its end within its
// capacity, and gives its memory away without a copy.
template <class T>
class GrowingArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  GrowingArray() = default;
  GrowingArray(GrowingArray&& other) noexcept { swap(other); }
  GrowingArray& operator=(GrowingArray&& other) noexcept {
    swap(other);
    return *this;
  }
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;
  ~GrowingArray() { std::free(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) reallocate(capacity);
  }
  void push_back(T value) {
    if (size_ == capacity_) reallocate(2 * capacity_ + 16);
    data_[size_++] = value;
  }
  void append(const T* values, std::size_t n) {
    if (size_ + n > capacity_) reallocate(2 * (size_ + n));
    for (std::size_t i = 0; i < n; ++i) data_[size_ + i] = values[i];
    size_ += n;
  }
  // Makes room for n more and returns where they go; grow(n) says that they are written.
  T* room(std::size_t n) {
    if (n > capacity_ - size_) reallocate(size_ + n > capacity_ + capacity_ / 2 ? size_ + n : capacity_ + capacity_ / 2);
    return data_ + size_;
  }
  void grow(std::size_t n) { size_ += n; }
  void clear() { size_ = 0; }
  // Says how many elements are now written; at most the capacity.
  void set_size(std::size_t size) { size_ = size; }

  // Gives back what is more than a sixteenth too much, and hands over memory that std::free takes; not null even when
  // empty.
  T* release() {
    if (data_ == nullptr || capacity_ - size_ > capacity_ / 16) reallocate(size_ == 0 ? 1 : size_);
    size_ = capacity_ = 0;
    return std::exchange(data_, nullptr);
  }

 private:
  void swap(GrowingArray& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  void reallocate(std::size_t capacity) {
    void* moved = std::realloc(static_cast<void*>(data_), capacity * sizeof(T));
    if (moved == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(moved);
    capacity_ = capacity;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace pairloom
