#include "pairloom/vocabulary.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "pairloom/hashing.hpp"

namespace pairloom {
namespace {

constexpr unsigned first_bits = 6;  // 64 slots

template <typename Slot>
void prefetch([[maybe_unused]] const Slot* slot) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(slot);
#endif
}

// A table is kept at most five eighths full.
bool crowded(std::size_t n_used, std::size_t n_slots) { return n_used * 8 >= n_slots * 5; }

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

template <typename Slot>
void place(std::vector<Slot>& slots, unsigned shift, std::uint64_t hash, const Slot& slot) {
  const std::size_t mask = slots.size() - 1;
  std::size_t i = hash >> shift;
  while (slots[i].number != absent_key) i = (i + 1) & mask;
  slots[i] = slot;
}

}  // namespace

Vocabulary::Vocabulary(std::uint64_t seed, std::size_t max_size)
    : seed_(seed),
      max_size_(std::min<std::size_t>(max_size, std::numeric_limits<std::int32_t>::max())),
      integer_slots_(std::size_t{1} << first_bits),
      string_slots_(std::size_t{1} << first_bits),
      integer_shift_(64 - first_bits),
      string_shift_(64 - first_bits) {}

std::uint64_t Vocabulary::hash(std::int64_t key) const noexcept { return hash_integer(key, seed_); }
std::uint64_t Vocabulary::hash(std::string_view key) const noexcept { return hash_bytes(key, seed_); }

std::string_view Vocabulary::string_of(std::int32_t number) const noexcept {
  const auto place = static_cast<std::size_t>(integers_[static_cast<std::size_t>(number)]);
  const std::int64_t begin = place == 0 ? 0 : string_ends_[place - 1];
  return {string_data_.data() + begin, static_cast<std::size_t>(string_ends_[place] - begin)};
}

std::int32_t Vocabulary::find(std::int64_t key, std::uint64_t hash) const noexcept {
  const std::size_t mask = integer_slots_.size() - 1;
  for (std::size_t i = hash >> integer_shift_;; i = (i + 1) & mask) {
    const IntegerSlot& slot = integer_slots_[i];
    if (slot.number == absent_key || slot.key == key) return slot.number;
  }
}

std::int32_t Vocabulary::find(std::string_view key, std::uint64_t hash) const noexcept {
  const std::size_t mask = string_slots_.size() - 1;
  for (std::size_t i = hash >> string_shift_;; i = (i + 1) & mask) {
    const StringSlot& slot = string_slots_[i];
    if (slot.number == absent_key) return absent_key;
    if (slot.tag == tag_of(hash) && string_of(slot.number) == key) return slot.number;
  }
}

std::int32_t Vocabulary::next_number() const {
  if (counts_.size() >= max_size_) {
    throw std::length_error("more than " + std::to_string(max_size_) + " different keys");
  }
  return static_cast<std::int32_t>(counts_.size());
}

std::int32_t Vocabulary::insert(std::int64_t key, std::uint64_t hash) {
  const std::int32_t number = next_number();
  if (crowded(n_integers_ + 1, integer_slots_.size())) grow_integers();
  place(integer_slots_, integer_shift_, hash, {key, number});
  ++n_integers_;
  integers_.push_back(key);
  is_string_.push_back(0);
  counts_.push_back(0);
  return number;
}

std::int32_t Vocabulary::insert(std::string_view key, std::uint64_t hash) {
  const std::int32_t number = next_number();
  if (crowded(string_ends_.size() + 1, string_slots_.size())) grow_strings();
  place(string_slots_, string_shift_, hash, {tag_of(hash), number});
  integers_.push_back(static_cast<std::int64_t>(string_ends_.size()));
  string_data_.insert(string_data_.end(), key.begin(), key.end());
  string_ends_.push_back(static_cast<std::int64_t>(string_data_.size()));
  is_string_.push_back(1);
  counts_.push_back(0);
  return number;
}

void Vocabulary::grow_integers() {
  std::vector<IntegerSlot> larger(integer_slots_.size() * 2);
  --integer_shift_;
  for (const IntegerSlot& slot : integer_slots_) {
    if (slot.number != absent_key) place(larger, integer_shift_, hash(slot.key), slot);
  }
  integer_slots_ = std::move(larger);
}

void Vocabulary::grow_strings() {
  std::vector<StringSlot> larger(string_slots_.size() * 2);
  --string_shift_;
  for (const StringSlot& slot : string_slots_) {
    if (slot.number != absent_key) place(larger, string_shift_, hash(string_of(slot.number)), slot);
  }
  string_slots_ = std::move(larger);
}

std::size_t Vocabulary::add(const IntegerKeys& keys) {
  std::size_t n_missing = 0;
  std::array<std::uint64_t, lookahead> hashes;
  for (std::size_t begin = 0; begin < keys.size(); begin += lookahead) {
    const std::size_t n = std::min(lookahead, keys.size() - begin);
    for (std::size_t j = 0; j < n; ++j) {
      hashes[j] = hash(keys.values[begin + j]);
      prefetch(&integer_slots_[hashes[j] >> integer_shift_]);
    }
    for (std::size_t j = 0; j < n; ++j) {
      if (keys.missing(begin + j)) {
        ++n_missing;
        continue;
      }
      const std::int64_t key = keys.values[begin + j];
      std::int32_t number = find(key, hashes[j]);
      if (number == absent_key) number = insert(key, hashes[j]);
      ++counts_[static_cast<std::size_t>(number)];
    }
  }
  return n_missing;
}

std::size_t Vocabulary::probe(const StringKeys& keys, std::size_t begin, Probes& probes) const {
  const std::size_t n = std::min(lookahead, keys.size() - begin);
  for (std::size_t j = 0; j < n; ++j) {
    Probe& probe = probes[j];
    probe.kind = keys.missing(begin + j) ? Probe::missing : Probe::string;
    if (probe.kind == Probe::missing) continue;
    const std::string_view text = keys[begin + j];
    if (const auto integer = canonical_integer(text)) {
      probe = {Probe::integer, *integer, hash(*integer)};
      prefetch(&integer_slots_[probe.hash >> integer_shift_]);
    } else {
      probe.hash = hash(text);
      prefetch(&string_slots_[probe.hash >> string_shift_]);
    }
  }
  return n;
}

std::size_t Vocabulary::add(const StringKeys& keys) {
  std::size_t n_missing = 0;
  Probes probes;
  for (std::size_t begin = 0; begin < keys.size(); begin += lookahead) {
    const std::size_t n = probe(keys, begin, probes);
    for (std::size_t j = 0; j < n; ++j) {
      const Probe& probe = probes[j];
      if (probe.kind == Probe::missing) {
        ++n_missing;
        continue;
      }
      std::int32_t number;
      if (probe.kind == Probe::integer) {
        number = find(probe.key, probe.hash);
        if (number == absent_key) number = insert(probe.key, probe.hash);
      } else {
        number = find(keys[begin + j], probe.hash);
        if (number == absent_key) number = insert(keys[begin + j], probe.hash);
      }
      ++counts_[static_cast<std::size_t>(number)];
    }
  }
  return n_missing;
}

void Vocabulary::lookup(const IntegerKeys& keys, std::span<std::int32_t> numbers) const {
  std::array<std::uint64_t, lookahead> hashes;
  for (std::size_t begin = 0; begin < keys.size(); begin += lookahead) {
    const std::size_t n = std::min(lookahead, keys.size() - begin);
    for (std::size_t j = 0; j < n; ++j) {
      hashes[j] = hash(keys.values[begin + j]);
      prefetch(&integer_slots_[hashes[j] >> integer_shift_]);
    }
    for (std::size_t j = 0; j < n; ++j) {
      numbers[begin + j] = keys.missing(begin + j) ? missing_key : find(keys.values[begin + j], hashes[j]);
    }
  }
}

void Vocabulary::lookup(const StringKeys& keys, std::span<std::int32_t> numbers) const {
  Probes probes;
  for (std::size_t begin = 0; begin < keys.size(); begin += lookahead) {
    const std::size_t n = probe(keys, begin, probes);
    for (std::size_t j = 0; j < n; ++j) {
      const Probe& probe = probes[j];
      numbers[begin + j] = probe.kind == Probe::missing   ? missing_key
                           : probe.kind == Probe::integer ? find(probe.key, probe.hash)
                                                          : find(keys[begin + j], probe.hash);
    }
  }
}

void Vocabulary::restore(std::span<const std::int64_t> integers, std::span<const std::int64_t> counts) {
  restore(integers, {}, StringKeys{{}, {}, nullptr, {}}, counts);
}

void Vocabulary::restore(std::span<const std::int64_t> integers, std::span<const std::uint8_t> is_string,
                         const StringKeys& strings, std::span<const std::int64_t> counts) {
  std::size_t next_string = 0;
  for (std::size_t i = 0; i < integers.size(); ++i) {
    if (is_string.empty() || is_string[i] == 0) {
      const std::uint64_t hashed = hash(integers[i]);
      if (find(integers[i], hashed) != absent_key) {
        throw std::invalid_argument("the integer " + std::to_string(integers[i]) + " twice");
      }
      insert(integers[i], hashed);
    } else {
      if (next_string >= strings.size()) throw std::invalid_argument("too few strings");
      const std::string_view text = strings[next_string++];
      if (text.empty() || canonical_integer(text)) throw std::invalid_argument("an integer among the strings");
      const std::uint64_t hashed = hash(text);
      if (find(text, hashed) != absent_key) {
        throw std::invalid_argument("the string '" + std::string(text) + "' twice");
      }
      insert(text, hashed);
    }
    counts_.back() = counts[i];
  }
}

}  // namespace pairloom
