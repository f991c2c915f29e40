//! Bounds by address: how many connections it has, how fast it begins sessions, how often it fails to log in.
//!
//! Of IPv6 a /64 counts as one address: whoever has one address there has all of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::refusal::Refusal;

/// What counts as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group(IpAddr);

impl From<IpAddr> for Group {
    fn from(address: IpAddr) -> Group {
        match address.to_canonical() {
            IpAddr::V4(v4) => Group(v4.into()),
            IpAddr::V6(v6) => Group(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()),
        }
    }
}

/// Places that are taken for as long as a [`Place`] lives.
pub struct Places {
    total_max: usize,
    group_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    groups: HashMap<Group, usize>,
}

/// One place, given back when it is dropped.
pub struct Place {
    places: Arc<Places>,
    group: Option<Group>,
}

impl Places {
    /// So many places, and so many of them for one address.
    pub fn new(total_max: usize, group_max: usize) -> Arc<Places> {
        Arc::new(Places { total_max, group_max, taken: Mutex::default() })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Takes a place. Without a group (a reverse proxy, which speaks for many) only the total counts.
    pub fn take(self: &Arc<Self>, group: Option<Group>) -> Result<Place, Refusal> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.total_max {
            return Err(Refusal::Full);
        }
        if let Some(group) = group {
            let of_group = taken.groups.entry(group).or_default();
            if *of_group >= self.group_max {
                return Err(Refusal::AddressFull);
            }
            *of_group += 1;
        }
        taken.total += 1;
        Ok(Place { places: self.clone(), group })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(group) = self.group
            && let Some(of_group) = taken.groups.get_mut(&group)
        {
            *of_group -= 1;
            if *of_group == 0 {
                taken.groups.remove(&group);
            }
        }
    }
}

/// How many addresses are remembered at a time.
const GROUPS_MAX: usize = 50_000;

/// A bucket of permits for each address, which fills again with time.
pub struct Rate {
    capacity: f64,
    per_second: f64,
    buckets: Mutex<HashMap<Group, Bucket>>,
}

struct Bucket {
    permits: f64,
    at: Instant,
}

impl Rate {
    /// So many permits in this time.
    pub fn new(count: u32, within: Duration) -> Rate {
        let capacity = f64::from(count);
        Rate { capacity, per_second: capacity / within.as_secs_f64(), buckets: Mutex::default() }
    }

    /// Takes a permit if there is one.
    pub fn take(&self, group: Group) -> bool {
        self.take_at(group, Instant::now())
    }

    fn take_at(&self, group: Group, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.permits + since * self.per_second).min(self.capacity)
        };
        if buckets.len() >= GROUPS_MAX && !buckets.contains_key(&group) {
            // A full bucket says no more than none. Should all be in use, whoever has used the least is forgotten.
            buckets.retain(|_, bucket| filled(bucket) < self.capacity);
            if buckets.len() >= GROUPS_MAX {
                let least = buckets.iter().max_by(|a, b| filled(a.1).total_cmp(&filled(b.1))).map(|(group, _)| *group);
                least.map(|group| buckets.remove(&group));
            }
        }
        let bucket = buckets.entry(group).or_insert(Bucket { permits: self.capacity, at: now });
        bucket.permits = filled(bucket);
        bucket.at = now;
        let has = bucket.permits >= 1.0;
        if has {
            bucket.permits -= 1.0;
        }
        has
    }

    /// Gives a permit back.
    pub fn give_back(&self, group: Group) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&group) {
            bucket.permits = (bucket.permits + 1.0).min(self.capacity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(text: &str) -> Group {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn groups() {
        assert_eq!(group("::ffff:192.0.2.1"), group("192.0.2.1"));
        assert_eq!(group("2001:db8::1"), group("2001:db8::ffff:2"));
        assert_ne!(group("2001:db8::1"), group("2001:db8:0:1::1"));
        assert_ne!(group("192.0.2.1"), group("192.0.2.2"));
    }

    #[test]
    fn places() {
        let places = Places::new(3, 2);
        let (one, other) = (Some(group("192.0.2.1")), Some(group("192.0.2.2")));
        let first = places.take(one).ok().unwrap();
        let _second = places.take(one).ok().unwrap();
        assert_eq!(places.take(one).err(), Some(Refusal::AddressFull));
        let third = places.take(other).ok().unwrap();
        assert_eq!(places.take(other).err(), Some(Refusal::Full));
        assert_eq!(places.take(None).err(), Some(Refusal::Full));
        drop((first, third));
        assert!(places.take(one).is_ok());
        assert_eq!(places.taken.lock().unwrap().groups.len(), 1, "nothing is kept of who has no place");
    }

    #[test]
    fn rates() {
        let rate = Rate::new(2, Duration::from_secs(10));
        let (one, other, start) = (group("192.0.2.1"), group("192.0.2.2"), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(rate.take_at(one, start) && rate.take_at(one, start) && !rate.take_at(one, start));
        assert!(rate.take_at(other, start));
        assert!(!rate.take_at(one, after(4)) && rate.take_at(one, after(6)) && !rate.take_at(one, after(6)));
        rate.give_back(one);
        assert!(rate.take_at(one, after(6)));
        assert!(rate.take_at(one, after(1000)) && rate.take_at(one, after(1000)) && !rate.take_at(one, after(1000)));
    }
}
