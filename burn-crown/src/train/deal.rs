//! How an epoch's items are dealt to devices and to optimizer steps.

use std::ops::Range;

/// The division of an epoch's items into batches, devices and optimizer steps.
///
/// In a *round* each device has one batch, and `accumulation` rounds make one optimizer step. The
/// items go out in their order: the first batch to the first device, the second to the second, and
/// so on, so that the items of a step are those of one large batch on a single device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deal {
    pub(super) items: usize,
    /// The items of a full round.
    pub(super) round_size: usize,
    pub(super) devices: usize,
    pub(super) accumulation: usize,
}

/// One batch of a [`Deal`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Portion {
    /// The places of its items in the epoch's order.
    pub(super) items: Range<usize>,
    /// Its optimizer step, counted from the epoch's first.
    pub(super) step: usize,
    /// Its part of the step's items.
    pub(super) share: f64,
}

impl Deal {
    /// The items of a full optimizer step.
    fn step_size(&self) -> usize {
        self.round_size.saturating_mul(self.accumulation)
    }

    /// The optimizer steps of the epoch.
    pub(super) fn steps(&self) -> usize {
        self.items.div_ceil(self.step_size())
    }

    /// The device to which Burn gives the part `start..end` of a data loader's items, where it is
    /// one of this deal's.
    pub(super) fn device_of(&self, start: usize, end: usize) -> Option<usize> {
        // Burn's `split_dataloader`: parts of one size, and the rest for the last device.
        let size = self.items / self.devices;
        (0..self.devices).find(|&device| {
            let last = device + 1 == self.devices;
            start == device * size && end == if last { self.items } else { start + size }
        })
    }

    /// The batches of one device or, without one, of all.
    pub(super) fn portions(&self, device: Option<usize>) -> Vec<Portion> {
        let devices = device.map_or(0..self.devices, |device| device..device + 1);
        (0..self.items.div_ceil(self.round_size))
            .flat_map(|round| {
                devices
                    .clone()
                    .map(move |device| self.portion(round, device))
            })
            .filter(|portion| !portion.items.is_empty())
            .collect()
    }

    fn portion(&self, round: usize, device: usize) -> Portion {
        let start = round * self.round_size;
        let size = self.round_size.min(self.items - start);
        // Evenly, and the rest to the last device, as Burn splits a data loader.
        let each = size / self.devices;
        let first = start + device * each;
        let end = if device + 1 == self.devices {
            start + size
        } else {
            first + each
        };
        let step = round / self.accumulation;
        let step_items = self.step_size().min(self.items - step * self.step_size());
        Portion {
            items: first..end,
            step,
            share: (end - first) as f64 / step_items as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Every deal of up to 40 items to up to 4 devices.
    fn deals() -> impl Iterator<Item = Deal> {
        (0..=40).flat_map(|items| {
            (1..=20).flat_map(move |round_size| {
                (1..=4).flat_map(move |devices| {
                    (1..=3).map(move |accumulation| Deal {
                        items,
                        round_size,
                        devices,
                        accumulation,
                    })
                })
            })
        })
    }

    /// The parts of Burn's `split_dataloader`.
    fn parts(deal: Deal) -> impl Iterator<Item = (usize, usize)> {
        let size = deal.items / deal.devices;
        (0..deal.devices).map(move |device| {
            let last = device + 1 == deal.devices;
            let start = device * size;
            (start, if last { deal.items } else { start + size })
        })
    }

    #[test]
    fn a_step_has_the_items_of_one_large_batch() {
        for deal in deals() {
            let size = deal.round_size * deal.accumulation;
            let large: Vec<Range<usize>> = (0..deal.items)
                .step_by(size)
                .map(|start| start..deal.items.min(start + size))
                .collect();
            assert_eq!(deal.steps(), large.len(), "{deal:?}");
            let portions: Vec<Portion> = (0..deal.devices)
                .flat_map(|device| deal.portions(Some(device)))
                .collect();
            for (step, expected) in large.into_iter().enumerate() {
                let parts = || portions.iter().filter(|portion| portion.step == step);
                let mut items: Vec<usize> = parts().flat_map(|part| part.items.clone()).collect();
                items.sort_unstable();
                assert_eq!(items, expected.collect::<Vec<_>>(), "{deal:?}, step {step}");
                let shares: f64 = parts().map(|part| part.share).sum();
                assert!(
                    (shares - 1.0).abs() < 1e-12,
                    "{deal:?}, step {step}: {shares}"
                );
                for part in parts() {
                    let share = part.items.len() as f64
                        / parts().map(|p| p.items.len()).sum::<usize>() as f64;
                    assert_eq!(part.share, share, "{deal:?}, step {step}");
                }
            }
        }
    }

    #[test]
    fn a_part_of_the_loader_belongs_to_its_device() {
        for deal in deals() {
            let mut dealt = 0;
            for (device, (start, end)) in parts(deal).enumerate() {
                let found = deal.device_of(start, end).unwrap();
                // Empty parts are all alike; their devices have nothing.
                assert!(found == device || start == end, "{deal:?}");
                let portions = deal.portions(Some(found));
                assert!(start != end || portions.is_empty(), "{deal:?}");
                dealt += portions.iter().map(|p| p.items.len()).sum::<usize>();
            }
            assert_eq!(dealt, deal.items, "{deal:?}");
        }
    }

    #[test]
    fn with_a_batch_size_for_each_device_they_have_the_items_that_burn_counts() {
        for deal in deals().filter(|deal| deal.round_size % deal.devices == 0) {
            for (device, (start, end)) in parts(deal).enumerate() {
                let portions = deal.portions(Some(device));
                let items: usize = portions.iter().map(|p| p.items.len()).sum();
                assert_eq!(items, end - start, "{deal:?}, device {device}");
            }
        }
    }

    #[test]
    fn a_round_is_spread_evenly() {
        for deal in deals() {
            let last = deal.portions(Some(deal.devices - 1));
            for device in 0..deal.devices {
                let portions = deal.portions(Some(device));
                // A device may have nothing in a round that is smaller than the number of devices.
                if deal.round_size >= deal.devices {
                    assert!(last.len() - portions.len() <= 1, "{deal:?}");
                } else if device + 1 < deal.devices {
                    assert!(portions.is_empty(), "{deal:?}");
                }
                for (own, of_last) in portions.iter().zip(&last) {
                    assert_eq!(own.step, of_last.step, "{deal:?}");
                    let is_last = device + 1 == deal.devices;
                    let most = deal.round_size / deal.devices;
                    assert!(is_last || own.items.len() <= most, "{deal:?}");
                    assert!(own.items.len() <= of_last.items.len(), "{deal:?}");
                    assert!(
                        of_last.items.len() < own.items.len() + deal.devices,
                        "{deal:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn all_devices_together_give_the_items_in_their_order() {
        for deal in deals() {
            let items: Vec<usize> = deal
                .portions(None)
                .into_iter()
                .flat_map(|p| p.items)
                .collect();
            assert_eq!(items, (0..deal.items).collect::<Vec<_>>(), "{deal:?}");
        }
    }

    #[test]
    fn parts_of_another_split_are_none() {
        let deal = Deal {
            items: 10,
            round_size: 4,
            devices: 2,
            accumulation: 1,
        };
        assert_eq!(deal.device_of(0, 5), Some(0));
        assert_eq!(deal.device_of(5, 10), Some(1));
        assert_eq!(deal.device_of(0, 3), None);
        assert_eq!(deal.device_of(0, 10), None);
    }
}
